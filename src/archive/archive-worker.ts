/** The thread of the archiver: compresses segments, and computes digests of what is read and written. */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { ArchiveDigest } from './archive-digest.ts'
import { packedHeaders, stepsOf, type ViewNaming } from './archive-layout.ts'
import { compressSegment } from './content-compression.ts'
import { type LaneKind, type LaneState, laneState } from './digest-lane.ts'
import type { MemberIndex, ViewDigests } from './member-index.ts'

/** Compress a segment into the memory beside it; both are seen by all threads. */
interface CompressOrder {
  readonly kind: 'compress'
  readonly plain: Uint8Array
  readonly packed: Uint8Array
}

/** What happens to a lane of this thread. */
type LaneOrder =
  | { readonly kind: 'open'; readonly lane: number; readonly computes: LaneKind }
  | { readonly kind: 'update'; readonly lane: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly lane: number }

/** Compute the digests of a view from the packed bytes of its archive. */
export interface ViewOrder {
  readonly kind: 'view'
  /** Absolute path. */
  readonly archive: string
  readonly index: Pick<MemberIndex, 'entries' | 'genome'>
  readonly naming: ViewNaming
}

/** What the thread is asked; `stop` ends it when it is idle. */
export type ArchiveOrder = CompressOrder | LaneOrder | ViewOrder | 'stop'

const READ_SIZE = 1024 * 1024

const lanes = new Map<number, LaneState>()

parentPort?.on('message', (order: ArchiveOrder) => {
  if (order === 'stop') {
    parentPort?.close()
    return
  }
  try {
    parentPort?.postMessage({ answer: answerTo(order) })
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message })
  }
})

function answerTo(order: Exclude<ArchiveOrder, 'stop'>): unknown {
  if (order.kind === 'view') return viewDigests(order)
  if (order.kind === 'compress') return compressSegment(bufferOf(order.plain), order.packed)
  if (order.kind === 'open') return void lanes.set(order.lane, laneState(order.computes))
  const state = lanes.get(order.lane)
  if (state === undefined) throw new Error('the thread that hashed an archive has ended')
  if (order.kind === 'update') return state.update(order.bytes)
  lanes.delete(order.lane)
  return state.end()
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function viewDigests({ archive, index, naming }: ViewOrder): ViewDigests {
  const digest = new ArchiveDigest()
  const file = openSync(archive, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE)
    for (const step of stepsOf(index, naming)) {
      digest.update(packedHeaders(step))
      const { start, end } = step.file ?? { start: 0, end: 0 }
      for (let at = start; at < end; ) {
        const length = Math.min(READ_SIZE, end - at)
        const read = readSync(file, buffer, 0, length, at)
        if (read === 0) throw new Error(`${archive} ends at byte ${at}`)
        digest.update(buffer.subarray(0, read))
        at += read
      }
    }
  } finally {
    closeSync(file)
  }
  return digest.end()
}
