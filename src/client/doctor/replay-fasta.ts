/** What clients read of an indexed FASTA file, as recorded with them (test/agreement/doctor-clients.test.ts). */
import { gunzipSync } from 'node:zlib'
import {
  type Block,
  blocksIn,
  blockWith,
  offsetOf,
  type Place,
  placeIn,
  shownPlace,
} from './fasta-place.ts'
import { FIXES, type Fix } from './fixes.ts'
import type { Seen } from './probe.ts'
import { type Replay, wrongPart } from './replay.ts'

const MOST_INDEX = 64 * 1024 * 1024
const BLOCK_BYTES = 65_536
// igv.js 3.8 asks for so many bases around what is shown (CachedSequence).
const IGV_BASES = 100_000
// htslib reads on instead of seeking when less than 1,000,000 bytes lie between (hfile_libcurl.c); its buffers are counted in.
const HTSLIB_SEEK_BYTES = 1_100_000

/** True for block gzip by name. */
function isBlockGzip(url: string): boolean {
  return /\.b?gz$/i.test(new URL(url).pathname)
}

/** Address of an index beside a file. */
function beside(url: string, ending: string): string {
  const at = new URL(url)
  at.pathname += ending
  return at.href
}

/** `samtools faidx URL PLACE` of htslib 1.16. */
export async function replayHtslib(replay: Replay, url: string): Promise<void> {
  const place = await indexStep(replay, url, '.fai')
  if (place === undefined) return
  const open = { check: 'open', url, done: 'opened, its kind is known', wrong: noFasta }
  if ((await replay.step(open)) === undefined) return
  let offset: number | undefined = offsetOf(place.sequence, place.start)
  if (isBlockGzip(url)) {
    if ((await gziStep(replay, url)) === undefined) return
    await replay.step({ ...open, check: 'open-again', done: 'opened again' })
    const blocks = await gziStep(replay, url, 'gzi-again')
    offset = blocks?.[blockWith(blocks, offset)]?.packed
  } else await replay.step({ ...open, check: 'open-again', done: 'opened again' })
  if (offset === undefined) return
  const shown = shownPlace(place)
  if (offset < HTSLIB_SEEK_BYTES) {
    replay.pass('sequence', `${shown} lies near the start: htslib reads up to it, without Range`)
    return
  }
  const order = { headers: { range: `bytes=${offset}-` } }
  const done = `${shown} is read from byte ${offset} on`
  await replay.step({ check: 'sequence', url, order, done, wrong: wrongPart(offset) })
}

/** `IndexedFasta` and `BgzipIndexedFasta` of JBrowse (@gmod/indexedfasta 5). */
export async function replayJbrowse(replay: Replay, url: string): Promise<void> {
  const place = await indexStep(replay, url, '.fai')
  if (place === undefined) return
  const first = offsetOf(place.sequence, place.start)
  const last = offsetOf(place.sequence, place.end) - 1
  const shown = shownPlace(place)
  if (!isBlockGzip(url)) return sequenceStep(replay, url, [first, last], shown)
  const gzi = beside(url, '.gzi')
  const head = await replay.step(rangeStep('gzi', gzi, [0, 7], 'the number of blocks'))
  const count = head && head.bytes.length === 8 ? Number(head.bytes.readBigUInt64LE(0)) : 0
  const rest = [8, 7 + 16 * count] as const
  const body =
    count > 0 ? await replay.step(rangeStep('gzi-blocks', gzi, rest, `${count} blocks`)) : head
  if (head === undefined || body === undefined) return
  const table = count > 0 ? Buffer.concat([head.bytes, body.bytes]) : head.bytes
  const blocks = blocksIn(table) ?? []
  for (let at = blockWith(blocks, first); (blocks[at]?.plain ?? last + 1) <= last; at += 1) {
    const begin = blocks[at]?.packed ?? 0
    const end = (blocks[at + 1]?.packed ?? begin + BLOCK_BYTES) - 1
    await sequenceStep(replay, url, [begin, end], shown)
  }
}

/** The reference of igv.js 3.8, opened at a place. */
export async function replayIgv(replay: Replay, url: string): Promise<void> {
  const size = rangeStep('size', url, [0, 0], 'one byte, and the size of the file')
  if ((await replay.step(size)) === undefined) return
  const place = await indexStep(replay, url, '.fai')
  if (place === undefined) return
  const { sequence, start, end } = place
  const from = Math.max(0, Math.round((start + end) / 2) - IGV_BASES / 2)
  const to = Math.min(sequence.length, from + IGV_BASES)
  const bytes = [offsetOf(sequence, from), offsetOf(sequence, to) - 1] as const
  const shown = shownPlace(place)
  if (!isBlockGzip(url)) return sequenceStep(replay, url, bytes, shown)
  const blocks = await gziStep(replay, url)
  if (blocks === undefined) return
  const [first, last] = bytes
  for (let at = blockWith(blocks, first); (blocks[at]?.plain ?? last + 1) < last; at += 1) {
    const next = blocks[at + 1]?.packed
    const end = next === undefined ? undefined : next - 1
    await sequenceStep(replay, url, [blocks[at]?.packed ?? 0, end], shown)
  }
}

type Bytes = readonly [first: number, last: number | undefined]

function rangeStep(check: string, url: string, [first, last]: Bytes, done: string) {
  const headers = { range: `bytes=${first}-${last ?? ''}` }
  const order = { headers, most: MOST_INDEX }
  return { check, url, order, done, wrong: wrongPart(first, last) }
}

async function sequenceStep(replay: Replay, url: string, bytes: Bytes, shown: string) {
  const step = rangeStep('sequence', url, bytes, `${shown}: bytes ${bytes.join('-')}`)
  await replay.step({ ...step, wrong: seen => step.wrong(seen) ?? noSequence(url, seen) })
}

/** Reads an index of a FASTA; undefined when the client ends there. */
async function indexStep(replay: Replay, url: string, ending: string): Promise<Place | undefined> {
  const seen = await replay.step({
    check: 'index',
    url: beside(url, ending),
    order: { most: MOST_INDEX },
    done: `the index ${ending} is beside the file`,
    wrong: ({ bytes }) =>
      placeIn(bytes) === undefined ? [`${ending} is no index of samtools`, FIXES.index] : undefined,
  })
  return seen && placeIn(seen.bytes)
}

async function gziStep(
  replay: Replay,
  url: string,
  check = 'gzi',
): Promise<readonly Block[] | undefined> {
  const seen = await replay.step({
    check,
    url: beside(url, '.gzi'),
    order: { most: MOST_INDEX },
    done: 'the index .gzi is beside the file',
    wrong: ({ bytes }) =>
      blocksIn(bytes) === undefined ? ['.gzi is no index of bgzip', FIXES.index] : undefined,
  })
  return seen && blocksIn(seen.bytes)
}

/** htslib looks at the first bytes: plain FASTA, or block gzip. */
function noFasta({ bytes, url }: Seen): readonly [string, Fix] | undefined {
  const begin = isBlockGzip(url) ? '1f8b0804' : '3e'
  if (bytes.toString('hex', 0, 4).startsWith(begin)) return undefined
  const kind = isBlockGzip(url) ? 'block gzip' : 'FASTA'
  return [`begins with ${bytes.toString('hex', 0, 4)}: that is no ${kind}`, FIXES.encoding]
}

function noSequence(url: string, { bytes }: Seen): readonly [string, Fix] | undefined {
  if (!isBlockGzip(url)) {
    return /^[A-Za-z*\-\r\n>]/.test(bytes.subarray(0, 1).toString('latin1'))
      ? undefined
      : ['the bytes are no sequence', FIXES.encoding]
  }
  try {
    return gunzipSync(bytes).length > 0 ? undefined : ['an empty block', FIXES.encoding]
  } catch {
    return ['the bytes are no block of gzip', FIXES.encoding]
  }
}
