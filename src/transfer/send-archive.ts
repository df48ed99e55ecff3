/** Sends an archive to a server in parts: several at a time, those that are there already not again, until it is published. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { RefdepotError } from '../domain/errors.ts'
import {
  type RemoteUpload,
  ServerRefused,
  ServerUnreachable,
  type UploadClient,
} from './upload-client.ts'

/** What is sent, and how. */
export interface SendOrder {
  readonly client: UploadClient
  /** Absolute path of the archive. */
  readonly path: string
  /** What the server needs to know: `{config, index, files}`. */
  readonly order: object
  /** True to send every part to the server, also when its store can be reached. */
  readonly throughServer?: boolean
  /** Called with the bytes that are there. */
  readonly onProgress?: (there: number, size: number) => void
  /** Called when the server has begun to compare. */
  readonly onVerifying?: () => void
  /** Times between attempts in ms; for tests. */
  readonly pauses?: readonly number[]
}

/** Thrown when the server has refused what was sent. */
class UploadFailed extends RefdepotError {
  readonly code = 'upload-failed'

  constructor(registryPath: string, reason: string) {
    super(`${registryPath} was not published: ${reason}`)
  }
}

const PARALLEL = 4
const PAUSES: readonly number[] = [500, 1000, 2000, 4000, 8000, 16_000]
const POLL_MS = 500

/**
 * Sends an archive and waits until it is published.
 *
 * @throws UploadFailed, ServerRefused, ServerUnreachable
 */
export async function sendArchive(send: SendOrder): Promise<RemoteUpload> {
  const { client, order } = send
  let upload = await again(send, () => client.begin(order))
  if (upload.state === 'open') await sendParts(send, upload)
  let told = false
  while (upload.state !== 'published') {
    if (upload.state === 'failed') throw new UploadFailed(upload.registry_path, upload.reason ?? '')
    upload = await again(send, () => client.complete(upload.id))
    if (upload.state === 'verifying' && !told) {
      told = true
      send.onVerifying?.()
    }
    if (upload.state === 'verifying' || upload.state === 'open') await wait(POLL_MS)
  }
  return upload
}

async function sendParts(send: SendOrder, upload: RemoteUpload): Promise<void> {
  const file = await open(send.path, 'r')
  try {
    const received = new Set(upload.received)
    let there = received.size * upload.part_bytes
    const numbers = Array.from({ length: upload.part_count }, (_, i) => i + 1)
    const left = numbers.filter(number => !received.has(number))
    const worker = async () => {
      for (let number = left.shift(); number !== undefined; number = left.shift()) {
        there += await sendPart(send, upload, file, number)
        send.onProgress?.(Math.min(there, upload.bytes), upload.bytes)
      }
    }
    // After a failure nobody begins another part.
    const guarded = () =>
      worker().catch(async error => {
        left.length = 0
        if (!(await isEndedElsewhere(send, upload, error))) throw error
      })
    await Promise.all(Array.from({ length: PARALLEL }, guarded))
  } finally {
    await file.close()
  }
}

/** True when the same sender has sent the rest from somewhere else meanwhile: then there is nothing left to do here. */
async function isEndedElsewhere(
  { client }: SendOrder,
  { id }: RemoteUpload,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof ServerRefused)) return false
  const { state } = await client.status(id)
  return state === 'verifying' || state === 'published'
}

async function sendPart(
  send: SendOrder,
  upload: RemoteUpload,
  file: FileHandle,
  number: number,
): Promise<number> {
  const start = (number - 1) * upload.part_bytes
  const body = Buffer.alloc(Math.min(upload.part_bytes, upload.bytes - start))
  const { bytesRead } = await file.read(body, 0, body.length, start)
  if (bytesRead !== body.length) {
    throw new UploadFailed(upload.registry_path, 'the archive changed while it was sent')
  }
  const sha256 = createHash('sha256').update(body).digest('hex')
  const part = { number, body, sha256 }
  await again(send, () => send.client.putPart(upload.id, part, send.throughServer === true))
  return body.length
}

/** Again after a pause when the network or the server fails; what the server refuses stays refused. */
async function again<T>({ pauses = PAUSES }: SendOrder, work: () => Promise<T>): Promise<T> {
  for (const pause of pauses) {
    try {
      return await work()
    } catch (error) {
      if (!mayPass(error)) throw error
    }
    await wait(pause * (0.5 + Math.random() / 2))
  }
  return work()
}

function mayPass(error: unknown): boolean {
  if (error instanceof ServerUnreachable) return true
  return error instanceof ServerRefused && (error.status >= 500 || error.status === 429)
}
