/** An archive while it is written: its bytes pass to the disk and to all digests at once, those of its views too. */
import { type ArchiveStep, packedHeaders, stepsOf, type ViewNaming } from './archive-layout.ts'
import type { Lane, LaneKind } from './digest-lane.ts'
import { CHUNK_SIZE, type MemberIndex, type ViewDigests } from './member-index.ts'

/** Takes the next bytes of an archive, which begin at a position of it. */
export type Sink = (bytes: Uint8Array, position: number) => Promise<void>

/** Begins lanes. */
export type LaneMaker = <K extends LaneKind>(kind: K) => Lane<K>

/** What an output is made of. */
interface OutputParts {
  readonly index: Pick<MemberIndex, 'entries' | 'genome'>
  readonly stored: ViewNaming
  /** Other names of the same files; the names of entries need no content, so these digests cost no second pass. */
  readonly views: readonly ViewNaming[]
  readonly lane: LaneMaker
  readonly sink: Sink
}

/** What comes out: an archive, and views with the same blocks between other headers. */
export class ArchiveOutput {
  /** Steps of the archive as it is stored. */
  readonly steps: readonly ArchiveStep[]
  readonly #chunks: Lane<'chunks'>
  readonly #forms: readonly { steps: readonly ArchiveStep[]; digest: Lane<'digest'> }[]
  readonly #sink: Sink
  #position = 0

  constructor({ index, stored, views, lane, sink }: OutputParts) {
    this.#forms = [stored, ...views].map(naming => {
      return { steps: stepsOf(index, naming), digest: lane('digest') }
    })
    this.steps = this.#forms[0]?.steps as readonly ArchiveStep[]
    this.#chunks = lane('chunks')
    this.#sink = sink
  }

  /** Bytes of the archive so far. */
  get position(): number {
    return this.#position
  }

  /** The headers of a step come next. Resolves when they are written and hashed; whoever wants more need not wait for it. */
  headers(number: number): Promise<void>[] {
    const [stored, ...views] = this.#forms.map(({ steps }) =>
      packedHeaders(steps[number] as ArchiveStep),
    )
    return [
      ...this.#stored(stored as Buffer),
      ...this.#forms.map(({ digest }, i) => digest.update([stored, ...views][i] as Buffer)),
    ]
  }

  /** Blocks of a file come next. Nobody may change them before all answers are there. */
  blocks(bytes: Uint8Array): Promise<void>[] {
    return [...this.#stored(bytes), ...this.#forms.map(({ digest }) => digest.update(bytes))]
  }

  /** What the index says of the archive, and the digests of the views in their order. */
  async end(): Promise<{ archive: MemberIndex['archive']; views: ViewDigests[] }> {
    const chunks = this.#chunks.end()
    const digests = this.#forms.map(({ digest }) => digest.end())
    const [stored, ...views] = await Promise.all(digests)
    const archive = { ...(stored as ViewDigests), chunk_size: CHUNK_SIZE, chunks: await chunks }
    return { archive, views }
  }

  /** Forgets what was hashed. */
  drop(): void {
    for (const lane of [this.#chunks, ...this.#forms.map(({ digest }) => digest)]) lane.drop()
  }

  #stored(bytes: Uint8Array): Promise<void>[] {
    const at = this.#position
    this.#position += bytes.length
    return [this.#chunks.update(bytes), this.#sink(bytes, at)]
  }
}
