/** Plays a trial: servers, faults, kills, and the download itself. */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadFile } from '../../../src/transfer/download-file.ts'
import { Network } from '../../../src/transfer/network.ts'
import type { RemoteFile } from '../../../src/transfer/remote-file.ts'
import { type Ended, wrongsOf } from './download-judge.ts'
import type { Trial } from './download-trial.ts'
import type { FaultKind } from './fault-kinds.ts'
import { FaultProxy } from './fault-proxy.ts'
import type { StaticFiles } from './static-files.ts'

// Long enough for a busy machine, short enough for a thousand runs.
const ANSWER_MS = 1000
const STALL = { bytesPerSecond: 64 * 1024, seconds: 0.5 }
const HOLD_MS = 2500
const PAUSE_MS = 5
const RETRIES = 8
const OLD = Buffer.from('what was there before')

/** What a trial has shown. */
export interface Shown {
  /** Empty: all is as it must be. */
  readonly wrongs: readonly string[]
  readonly fired: ReadonlyMap<FaultKind, number>
  readonly error: unknown
  /** Runs that were ended in the middle. */
  readonly killed: number
}

/** Thrown into a run to end it. */
class Killed extends Error {}

/** Plays a trial in a folder of its own, before a server of files. */
export async function playTrial(
  trial: Trial,
  place: { folder: string; origin: StaticFiles },
): Promise<Shown> {
  const { origin } = place
  const name = `/file-${trial.seed}`
  const content = manyBytes(trial.size, trial.seed)
  origin.files.set(name, content)
  const folder = join(place.folder, String(trial.seed))
  const target = join(folder, 'target')
  await mkdir(folder)
  if (trial.isReplaced) await writeFile(target, OLD)
  const proxies = trial.servers.map(
    (server, i) =>
      new FaultProxy({ ...server, origin: origin.url, seed: trial.seed * 2 + i, holdMs: HOLD_MS }),
  )
  await Promise.all(proxies.map(proxy => proxy.listen()))
  const file = remoteFile(
    trial,
    content,
    proxies.map(({ url }) => url + name),
  )
  const { error, killed } = await outcome(trial, file, target)
  await Promise.all(proxies.map(proxy => proxy.close()))
  const fired = summed(proxies.map(proxy => proxy.fired))
  const before = trial.isReplaced ? OLD : undefined
  const ended: Ended = { trial, target, content, before, error, fired }
  const wrongs = await wrongsOf(ended)
  origin.files.delete(name)
  await rm(folder, { recursive: true })
  return { wrongs, fired, error, killed }
}

/** Runs until one ends by itself. */
async function outcome(trial: Trial, file: RemoteFile, target: string) {
  let killed = 0
  for (const kill of [...trial.kills, Number.POSITIVE_INFINITY]) {
    const error = await oneRun(trial, file, target, kill)
    if (!(error instanceof Killed)) return { error, killed }
    killed += 1
  }
  throw new Error('the last run was killed, too')
}

/** One run with a network of its own; answers its error. */
async function oneRun({ jobs, race }: Trial, file: RemoteFile, target: string, kill: number) {
  const network = new Network({
    retries: RETRIES,
    pauseMs: PAUSE_MS,
    answerMs: ANSWER_MS,
    stall: STALL,
  })
  const end = new AbortController()
  let received = 0
  const onEvent = (event: { event: string; bytes: number }) => {
    if (event.event === 'received') received += event.bytes
    if (received >= kill * file.size) end.abort(new Killed())
  }
  try {
    await downloadFile(file, target, { network, jobs, race, signal: end.signal, onEvent })
    return undefined
  } catch (error) {
    return error
  } finally {
    await network.close()
  }
}

function remoteFile(trial: Trial, content: Buffer, urls: readonly string[]): RemoteFile {
  const digest = (algorithm: string, bytes: Buffer) =>
    createHash(algorithm).update(bytes).digest('hex')
  const { partSize, size } = trial
  const starts = Array.from(
    { length: Math.ceil(size / (partSize ?? 1)) },
    (_, i) => i * (partSize ?? 1),
  )
  return {
    subject: `file-${trial.seed}`,
    size,
    digests: Object.fromEntries(trial.digests.map(name => [name, digest(name, content)])),
    ...(partSize !== undefined && {
      parts: {
        size: partSize,
        sha256: starts.map(at => digest('sha256', content.subarray(at, at + partSize))),
      },
    }),
    urls,
  }
}

function summed(all: readonly ReadonlyMap<FaultKind, number>[]): Map<FaultKind, number> {
  const sum = new Map<FaultKind, number>()
  for (const fired of all) {
    for (const [kind, times] of fired) sum.set(kind, (sum.get(kind) ?? 0) + times)
  }
  return sum
}

/** Bytes without any pattern, fast. */
function manyBytes(length: number, seed: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', String(seed).padEnd(16), Buffer.alloc(16))
  return cipher.update(Buffer.alloc(length))
}
