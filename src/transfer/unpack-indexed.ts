/**
 * Unpacks an archive with a member index while it arrives: each part of the archive is compared, the blocks in it are inflated and written where their file
 * wants them, in whatever order parts come. Nothing of the archive itself is kept, and a later run goes on with the parts that are missing.
 */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BLOCK_PLAIN, inflateBlock, inflateNow } from '../archive/block-gzip.ts'
import { filesOf, type IndexFile, type MemberIndex } from '../archive/member-index.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { HASHER } from './file-hasher.ts'
import { Journal } from './journal.ts'
import { MemberFolder, type Members } from './member-folder.ts'
import { type BlockRun, MemberPlaces } from './member-places.ts'
import { type FetchCost, fetchParts } from './part-fetcher.ts'
import { type Part, partsOf } from './part-plan.ts'
import type { RemoteFile } from './remote-file.ts'
import type { TransferOptions, TransferSummary } from './transfer-options.ts'

/** What is unpacked. */
export interface IndexedOrder {
  readonly file: RemoteFile
  readonly index: MemberIndex
  /** Absolute path; the top folder of the archive is left out. */
  readonly folder: string
  /** Paths of files that are wanted; everything when undefined. */
  readonly only?: readonly string[]
  readonly options: TransferOptions
}

/** See the head of this file. Throws as {@link unpackArchive}. */
export async function unpackIndexed(order: IndexedOrder): Promise<TransferSummary> {
  const journalPath = `${order.folder}.journal`
  // What a journal tells of a folder that is gone is wrong.
  const isThere = await stat(order.folder).then(
    () => true,
    () => false,
  )
  if (!isThere) await rm(journalPath, { force: true })
  const unpacking = new Unpacking(order)
  await unpacking.prepare()
  const journal = await Journal.open(journalPath, headOf(order))
  try {
    const summary = await unpacking.run(journal)
    await journal.remove()
    return summary
  } catch (error) {
    await journal.close()
    // Nobody knows which part has written what is wrong: all of them again.
    if (error instanceof FileMismatch) await rm(journalPath, { force: true })
    throw error
  }
}

class FileMismatch extends DigestMismatch {}

function headOf({ file, only }: IndexedOrder) {
  const { size, digests, parts } = file
  const { md5 = null, sha256 = null } = digests
  return { size, md5, sha256, part_size: parts?.size ?? null, only: only?.join('\n') ?? null }
}

/** The two sides of a block that lies across the border of two parts. */
interface Torn {
  readonly run: BlockRun
  left?: Buffer
  right?: Buffer
}

class Unpacking {
  readonly #order: IndexedOrder
  readonly #members: Members
  readonly #files: readonly IndexFile[]
  readonly #folder: MemberFolder
  readonly #places: MemberPlaces
  readonly #parts: readonly Part[]
  /** By the byte of the archive where two parts meet. */
  readonly #torn = new Map<number, Torn>()

  constructor(order: IndexedOrder) {
    const { index, only, file } = order
    this.#order = order
    this.#members = membersOf(index, only)
    this.#files = this.#members.filter(entry => entry.type === 'file')
    this.#folder = new MemberFolder(order.folder, this.#members)
    this.#places = new MemberPlaces(this.#files)
    this.#parts = only === undefined ? partsOf(file) : this.#places.parts()
  }

  prepare(): Promise<void> {
    return this.#folder.prepare()
  }

  async run(journal: Journal): Promise<TransferSummary> {
    const missing = this.#parts.filter(({ number }) => !journal.done.has(number))
    const resumed = this.#tellResumed(journal)
    const borders = await this.#fetch(this.#borders(journal), async () => {})
    const cost = await this.#fetch(missing, part => journal.add(part.number))
    await inParallel(this.#files, HASHED_AT_ONCE, file => this.#compare(file))
    await this.#folder.finish()
    const received = cost.received + borders.received
    return { received, resumed, retried: cost.retried + borders.retried }
  }

  #tellResumed({ done }: Journal): number {
    let bytes = 0
    for (const part of this.#parts) if (done.has(part.number)) bytes += part.end - part.start
    const { options, file } = this.#order
    if (bytes > 0) options.onEvent?.({ event: 'resumed', subject: file.subject, bytes })
    return bytes
  }

  /** Blocks between a part that an earlier run has done and one that is missing: nobody has the other side any more. */
  #borders({ done }: Journal): Part[] {
    const borders: Part[] = []
    for (const [i, part] of this.#parts.entries()) {
      const next = this.#parts[i + 1]
      if (next === undefined || done.has(part.number) === done.has(next.number)) continue
      if (next.start !== part.end) continue
      const run = this.#places.across(part.end)
      if (run === undefined) continue
      // Done here: the sides that come are of no use.
      this.#torn.set(part.end, { run, left: NOTHING, right: NOTHING })
      const [start, end] = run.offsets as unknown as [number, number]
      borders.push({ number: -1 - i, start, end })
    }
    return borders
  }

  #fetch(parts: readonly Part[], done: (part: Part) => Promise<void>): Promise<FetchCost> {
    const { file, options } = this.#order
    return fetchParts({
      file,
      parts,
      options,
      take: async (part, bytes) => {
        await this.#unpack(part, bytes)
        await done(part)
      },
    })
  }

  async #unpack(part: Part, bytes: Buffer): Promise<void> {
    // At once, before anything is waited for: of two neighbours the later one finds what the earlier has left.
    const torn =
      part.number < 0 ? [] : [this.#side(part, bytes, 'right'), this.#side(part, bytes, 'left')]
    for (const run of this.#places.within(part.start, part.end)) {
      await this.#inflate(run, bytes, part.start)
    }
    for (const found of torn) {
      if (found?.left === undefined || found.right === undefined) continue
      const block = Buffer.concat([found.left, found.right])
      await this.#inflate(found.run, block, found.run.offsets[0] as number)
    }
  }

  /** Keeps what a part has of the block at its begin (the right side of that) or end; answers the block when its other side is there. */
  #side({ start, end }: Part, bytes: Buffer, side: 'left' | 'right'): Torn | undefined {
    const border = side === 'left' ? end : start
    const known = this.#torn.get(border)
    const run = known?.run ?? this.#places.across(border)
    if (run === undefined || (known?.left === NOTHING && known.right === NOTHING)) return undefined
    const [from, to] = run.offsets as unknown as [number, number]
    const own = side === 'left' ? bytes.subarray(from - start) : bytes.subarray(0, to - start)
    // The bytes belong to somebody else soon.
    const torn = { ...(known ?? { run }), [side]: Buffer.from(own) }
    if (torn.left !== undefined && torn.right !== undefined) this.#torn.delete(border)
    else this.#torn.set(border, torn)
    return torn
  }

  /** Inflates blocks and writes what they hold. `origin` is the byte of the archive where `bytes` begins. */
  async #inflate({ file, offsets, position }: BlockRun, bytes: Buffer, origin: number) {
    const count = offsets.length - 1
    for (let first = 0; first < count; first += BLOCKS_AT_ONCE) {
      const blocks: Promise<Buffer>[] = []
      for (let i = first; i < Math.min(count, first + BLOCKS_AT_ONCE); i += 1) {
        const [start, end] = [offsets[i] as number, offsets[i + 1] as number]
        blocks.push(inflated(bytes.subarray(start - origin, end - origin)))
      }
      const plain = await Promise.all(blocks).catch(error => {
        throw new DigestMismatch(
          `${this.#order.file.subject}: a block of ${file.path} ${error.message}`,
        )
      })
      await this.#folder.write(file.path, position + first * BLOCK_PLAIN, plain)
    }
  }

  /** Reads a file again: what is on disk counts. */
  async #compare({ path, size, sha256 }: IndexFile): Promise<void> {
    const { options, file } = this.#order
    const { subject } = file
    const actual = await HASHER.begin({
      path: join(this.#order.folder, path),
      size,
      algorithm: 'sha256',
      onHashed: bytes => options.onEvent?.({ event: 'hashed', subject, bytes }),
    }).digest()
    if (actual === sha256) return
    const reason = `${path} has the digest ${actual}, its index says ${sha256}`
    throw new FileMismatch(`${subject} is damaged: ${reason}`)
  }
}

const NOTHING = Buffer.alloc(0)
const BLOCKS_AT_ONCE = 16
const HASHED_AT_ONCE = 4

async function inflated(block: Buffer): Promise<Buffer> {
  // Blocks of letters are inflated faster here than a thread of the pool is asked.
  const length = block.length < 4 ? 0 : block.readUInt32LE(block.length - 4)
  const plain = Buffer.allocUnsafe(Math.min(length, BLOCK_PLAIN))
  return inflateNow(block, plain) ? plain : inflateBlock(block)
}

/** The entries that are wanted: all, or single files. */
function membersOf(index: MemberIndex, only: readonly string[] | undefined): Members {
  if (only === undefined) return index.entries
  const wanted = new Set(only)
  return filesOf(index).filter(({ path }) => wanted.has(path))
}
