/**
 * The lock of a genome config, in the convention of the Python tools (ubiquerg 0.9, `ThreeLocker`): files beside the config.
 *
 * `lock-universal-<name>` guards the taking of locks, `lock-read-<pid>-<name>` is a reader, `lock-write-<name>` the one writer. A
 * Python writer waits for ours and we wait for theirs. Theirs are empty; ours tell host and pid, so that a lock whose process has
 * died holds nobody up.
 */
import { randomUUID } from 'node:crypto'
import { link, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { appeared, lockText } from './lock-file.ts'
import { isAlive } from './process-alive.ts'

/** Thrown when a config stays locked: another tool is writing it, or has left its lock behind. */
class ConfigLocked extends RefdepotError {
  readonly code = 'config-locked'
  /** Path of the lock file. */
  readonly lock: string

  constructor(lock: string, seconds: number) {
    super(
      `${lock} has locked the config for ${seconds} seconds; wait until the other tool is done, or remove that file when none is running`,
    )
    this.lock = lock
  }
}

/** How long to wait for a lock, in milliseconds. */
export interface LockOptions {
  readonly waitMs?: number
}

const WAIT_MS = 10_000
const RETRY_MS = 50

// Within one process the lock files say nothing: turns are taken here.
const turns = new Map<string, Promise<unknown>>()

/**
 * Runs an action while nobody else, of our tools or the Python ones, writes the config.
 *
 * @throws ConfigLocked when the lock is not free in time, StorageWriteFailed when the folder cannot be written
 */
export async function withConfigLock<T>(
  config: string,
  action: () => Promise<T>,
  { waitMs = WAIT_MS }: LockOptions = {},
): Promise<T> {
  const before = turns.get(config) ?? Promise.resolve()
  const turn = before.then(() => locked(config, action, waitMs))
  const settled = turn.catch(() => {})
  turns.set(config, settled)
  try {
    return await turn
  } finally {
    if (turns.get(config) === settled) turns.delete(config)
  }
}

async function locked<T>(config: string, action: () => Promise<T>, waitMs: number): Promise<T> {
  const folder = dirname(config)
  const lock = (kind: string) => join(folder, `lock-${kind}-${basename(config)}`)
  const until = Date.now() + waitMs
  await take(lock('universal'), until)
  try {
    const entries = await readdir(folder)
    await tidied(folder, entries, basename(config))
    for (const reader of readersIn(entries, basename(config))) {
      await gone(join(folder, reader), until)
    }
    await take(lock('write'), until)
  } finally {
    await rm(lock('universal'), { force: true })
  }
  try {
    return await action()
  } finally {
    await rm(lock('write'), { force: true })
  }
}

function readersIn(entries: readonly string[], name: string): string[] {
  return entries.filter(entry => entry.startsWith('lock-read-') && entry.endsWith(`-${name}`))
}

/** Makes a lock file; one that is there is waited for. */
async function take(path: string, until: number): Promise<void> {
  const text = `${hostname()} ${process.pid} ${randomUUID()}\n`
  const own = nameBeside(path)
  // Written anew each time: where numbers of processes mean something else (a container), a file that waits looks abandoned.
  const tried = async () => {
    await writeFile(own, text)
    return appeared(own, path, text)
  }
  try {
    while (!(await tried())) await gone(path, until)
  } catch (error) {
    throw error instanceof RefdepotError ? error : new StorageWriteFailed(path, error)
  } finally {
    await rm(own, { force: true }).catch(() => {})
  }
}

/** A name of this process beside a lock. */
function nameBeside(path: string): string {
  return `${path}.${encodeURIComponent(hostname())}.${process.pid}.${randomUUID()}`
}

/** Removes what processes of this machine have left that were killed while they took a lock. */
async function tidied(folder: string, entries: readonly string[], name: string): Promise<void> {
  const starts = ['universal', 'write'].map(
    kind => `lock-${kind}-${name}.${encodeURIComponent(hostname())}.`,
  )
  for (const entry of entries) {
    const start = starts.find(text => entry.startsWith(text))
    if (start === undefined) continue
    const [, pid] = /^(\d+)\.[-0-9a-f]{36}$/.exec(entry.slice(start.length)) ?? []
    if (pid === undefined || isAlive(Number(pid))) continue
    await rm(join(folder, entry), { force: true })
  }
}

/** Waits until a lock file is gone; one whose process has died is removed. */
async function gone(path: string, until: number): Promise<void> {
  for (;;) {
    const stats = await stat(path).catch(() => undefined)
    if (stats === undefined) return
    if (await removeOrphan(path)) return
    if (Date.now() >= until)
      throw new ConfigLocked(path, Math.round((Date.now() - stats.mtimeMs) / 1000))
    await sleep(RETRY_MS)
  }
}

/**
 * Removes a lock whose process has died; false when it is alive, or when nobody can tell (locks of the Python tools are empty).
 * Two waiters may find the same orphan, so it is first moved away: who has moved something else puts it back.
 */
async function removeOrphan(path: string): Promise<boolean> {
  const text = await lockText(path)
  const [host, pid] = text.split(' ')
  if (host !== hostname() || pid === undefined || isAlive(Number(pid))) return false
  const aside = nameBeside(path)
  // Gone already: another waiter was faster.
  await rename(path, aside).catch(() => {})
  /* c8 ignore next -- two waiters and a new owner within microseconds */
  if (![text, ''].includes(await lockText(aside))) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
  return true
}
