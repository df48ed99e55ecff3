/** The thread of the archiver: compresses segments and computes the digests of views. */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { ArchiveDigest } from './archive-digest.ts'
import { packedHeaders, stepsOf, type ViewNaming } from './archive-layout.ts'
import { compressSegment } from './content-compression.ts'
import type { MemberIndex, ViewDigests } from './member-index.ts'

/** Compress a segment; its memory comes back with the answer. */
interface CompressOrder {
  readonly kind: 'compress'
  readonly memory: ArrayBuffer
  /** Bytes of the memory that are the segment. */
  readonly length: number
}

/** Compute the digests of a view from the packed bytes of its archive. */
export interface ViewOrder {
  readonly kind: 'view'
  /** Absolute path. */
  readonly archive: string
  readonly index: Pick<MemberIndex, 'entries' | 'genome'>
  readonly naming: ViewNaming
}

/** What the thread is asked; `stop` ends it when it is idle. */
export type ArchiveOrder = CompressOrder | ViewOrder | 'stop'

/** What it answers to a {@link CompressOrder}. */
export interface CompressAnswer {
  readonly packed: Uint8Array<ArrayBuffer>
  readonly sizes: readonly number[]
  readonly memory: ArrayBuffer
}

const READ_SIZE = 1024 * 1024

parentPort?.on('message', (order: ArchiveOrder) => {
  if (order === 'stop') {
    parentPort?.close()
    return
  }
  try {
    if (order.kind === 'view') {
      parentPort?.postMessage({ answer: viewDigests(order) })
      return
    }
    const { packed, sizes } = compressSegment(Buffer.from(order.memory, 0, order.length))
    const answer = { packed, sizes, memory: order.memory }
    parentPort?.postMessage({ answer }, [packed.buffer, order.memory])
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message })
  }
})

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
