/** Plays a trial: servers, faults, kills, and the download itself. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Network } from '../../../src/transfer/network.ts'
import type { RemoteFile } from '../../../src/transfer/remote-file.ts'
import type { TransferOptions } from '../../../src/transfer/transfer-options.ts'
import { digestOf } from '../remote-files.ts'
import { wrongsOf } from './download-judge.ts'
import type { Trial } from './download-trial.ts'
import type { FaultKind } from './fault-kinds.ts'
import { FaultProxy } from './fault-proxy.ts'
import type { StaticFiles } from './static-files.ts'
import type { Subject, Subjects } from './trial-subjects.ts'

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

type Fetch = (options: TransferOptions) => Promise<unknown>

/** Thrown into a run to end it. */
class Killed extends Error {}

/** Where trials play. */
export interface TrialPlace {
  readonly folder: string
  readonly origin: StaticFiles
  readonly subjects: Subjects
}

/** Plays a trial in a folder of its own, before a server of files. */
export async function playTrial(trial: Trial, place: TrialPlace): Promise<Shown> {
  const { origin } = place
  const subject = place.subjects(trial)
  const name = `/file-${trial.seed}`
  origin.files.set(name, subject.content)
  const folder = join(place.folder, String(trial.seed))
  const target = join(folder, 'target')
  await mkdir(folder)
  const before = trial.isReplaced && trial.form === 'file' ? OLD : undefined
  if (before !== undefined) await writeFile(target, before)
  const proxies = trial.servers.map(
    (server, i) =>
      new FaultProxy({ ...server, origin: origin.url, seed: trial.seed * 2 + i, holdMs: HOLD_MS }),
  )
  await Promise.all(proxies.map(proxy => proxy.listen()))
  const fetchFrom = (urls: readonly string[]): Fetch => {
    const file = knownFile(trial, subject, urls)
    return options => subject.fetch(file, target, options)
  }
  const size = subject.content.length
  const first = fetchFrom(proxies.map(({ url }) => url + name))
  const { error, killed } = await outcome(trial, first, size)
  await Promise.all(proxies.map(proxy => proxy.close()))
  const fired = summed(proxies.map(proxy => proxy.fired))
  const wrongs = await wrongsOf({ trial, target, subject, before, error, fired })
  if (error !== undefined) {
    // What a failed run left must not be in the way of a good one.
    const again = await oneRun(trial, fetchFrom([origin.url + name]), Number.POSITIVE_INFINITY)
    if (again !== undefined) wrongs.push(`a sound server afterwards: ${again}`)
    wrongs.push(...(await wrongsOf({ trial, target, subject, before, error: again, fired })))
  }
  origin.files.delete(name)
  await rm(folder, { recursive: true })
  return { wrongs, fired, error, killed }
}

/** Runs until one ends by itself. */
async function outcome(trial: Trial, fetch: Fetch, size: number) {
  let killed = 0
  for (const kill of [...trial.kills, Number.POSITIVE_INFINITY]) {
    const error = await oneRun(trial, fetch, kill * size)
    if (!(error instanceof Killed)) return { error, killed }
    killed += 1
  }
  throw new Error('the last run was killed, too')
}

/** One run with a network of its own; answers its error. */
async function oneRun({ jobs, race }: Trial, fetch: Fetch, killAt: number) {
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
    if (received >= killAt) end.abort(new Killed())
  }
  try {
    await fetch({ network, jobs, race, signal: end.signal, onEvent })
    return undefined
  } catch (error) {
    return error
  } finally {
    await network.close()
  }
}

/** What is known of it before: the trusted digests. */
function knownFile(trial: Trial, { content, parts }: Subject, urls: readonly string[]): RemoteFile {
  return {
    subject: `${trial.form}-${trial.seed}`,
    size: content.length,
    digests: Object.fromEntries(trial.digests.map(name => [name, digestOf(name, content)])),
    ...(parts && { parts }),
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
