/** The genomes of a server, each asked for once (API v3). */
import { isGenomeDigest } from '../domain/digest.ts'
import { RemoteFailed, type RemoteFault } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'
import { genomeDigestIn, namesIn, textIn } from './answer-shape.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { ServerNames } from './server-names.ts'

/** Asks for a genome by digest or alias; undefined when there is none. */
export type AskGenome = (name: string) => Promise<RemoteAsset['genome'] | undefined>

/** See the head of this file. */
export class ServerGenomes {
  readonly #server: string
  readonly #network: Network
  readonly #names: ServerNames
  readonly #whole: AskGenome | undefined
  readonly #wholes = new Map<string, ReturnType<AskGenome>>()
  readonly #digests = new Map<string, Promise<string | undefined>>()
  readonly #genomes = new Map<string, Promise<RemoteAsset['genome'] | undefined>>()
  readonly #defaults = new Map<string, Promise<string>>()

  /** @param whole - asks a server that tells a genome in one answer */
  constructor(server: string, network: Network, names: ServerNames, whole?: AskGenome) {
    this.#server = server
    this.#network = network
    this.#names = names
    this.#whole = whole
  }

  /**
   * A genome by digest or alias.
   *
   * @throws NotInCatalogue, RemoteFailed
   */
  async genome(name: string): Promise<RemoteAsset['genome']> {
    const told = await this.#told(name)
    if (told !== undefined) return told
    const digest = isGenomeDigest(name)
      ? name
      : await once(this.#digests, name, () => this.#digestOf(name))
    const genome = digest && (await once(this.#genomes, digest, () => this.#read(digest)))
    if (genome === undefined || genome === '') throw await this.#names.noGenome(name)
    return genome
  }

  /** What the server tells of a genome in one answer; undefined when it is known by other means, or not told so. */
  async #told(name: string): ReturnType<AskGenome> {
    const ask = this.#whole
    if (ask === undefined || this.#digests.has(name) || this.#genomes.has(name)) return undefined
    return once(this.#wholes, name, () => ask(name))
  }

  /** Takes a genome that was told along with others. */
  note(genome: RemoteAsset['genome']): void {
    const told = Promise.resolve(genome)
    this.#genomes.set(genome.digest, told)
    const digest = Promise.resolve(genome.digest)
    // The same alias in two genomes: the later one wins, as at the server.
    for (const alias of genome.aliases) this.#digests.set(alias, digest)
  }

  /** Name of the default tag of an asset; the peer answers `default` for one that it does not have. */
  defaultTag(digest: string, asset: string): Promise<string> {
    const path = `/v3/assets/default_tag/${digest}/${encodeURIComponent(asset)}`
    return once(this.#defaults, `${digest}/${asset}`, async () =>
      textIn(await this.#network.bytes(`${this.#server}${path}`)),
    )
  }

  async #digestOf(alias: string): Promise<string | undefined> {
    const url = `${this.#server}/v3/genomes/genome_digest/${encodeURIComponent(alias)}`
    const content = await orMissing(this.#network.bytes(url))
    return content && genomeDigestIn(url, content)
  }

  async #read(digest: string): Promise<RemoteAsset['genome'] | undefined> {
    const at = (what: string) => `${this.#server}/v3/genomes/${what}/${digest}`
    const [attributes, aliases] = await Promise.all([
      orMissing(this.#network.json<Record<string, unknown> | null>(at('attrs'))),
      // A genome without aliases has none to be answered: 404.
      orMissing(this.#network.json(at('aliases'))),
    ])
    if (attributes === undefined) return undefined
    const description = attributes?.genome_description
    return {
      digest,
      aliases: namesIn(aliases),
      ...(typeof description === 'string' && description !== '' && { description }),
    }
  }
}

/** What was asked for; undefined when the server has none. */
export function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  return orUndefined(asked, ['not-found'])
}

/**
 * What was asked for by a name that may mean something else at the server, or at what stands before it; undefined where the answer is none, or no
 * answer to this question: then it is asked in another way.
 */
export function orUnclear<T>(asked: Promise<T>): Promise<T | undefined> {
  return orUndefined(asked, ['not-found', 'answer', 'denied'])
}

function orUndefined<T>(asked: Promise<T>, faults: readonly RemoteFault[]): Promise<T | undefined> {
  return asked.catch(error => {
    if (error instanceof RemoteFailed && faults.includes(error.fault)) return undefined
    throw error
  })
}

/** What is asked for once; failures are not kept. */
function once<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  let asked = known.get(key)
  if (asked === undefined) {
    asked = ask()
    known.set(key, asked)
    asked.catch(() => known.delete(key))
  }
  return asked
}
