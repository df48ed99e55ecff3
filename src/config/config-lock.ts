/**
 * The lock of a genome config, in the convention of the Python tools (ubiquerg 0.9, `ThreeLocker`): files beside the config.
 *
 * `lock-universal-<name>` guards the taking of locks, `lock-read-<pid>-<name>` is a reader, `lock-write-<name>` the one writer. A
 * Python writer waits for ours and we wait for theirs. Theirs are empty; ours tell host and pid, so that a lock whose process has
 * died holds nobody up.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
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
    for (const reader of await readers(folder, basename(config))) await gone(reader, until)
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

async function readers(folder: string, name: string): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter(entry => entry.startsWith('lock-read-') && entry.endsWith(`-${name}`))
    .map(entry => join(folder, entry))
}

/** Makes a lock file; one that is there is waited for. */
async function take(path: string, until: number): Promise<void> {
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await signed(file, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new StorageWriteFailed(path, error)
    }
    await gone(path, until)
  }
}

/** Writes whose lock it is; a lock that cannot say so (the disk is full) is taken back. */
async function signed(file: FileHandle, path: string): Promise<void> {
  try {
    await file.writeFile(`${hostname()} ${process.pid} ${randomUUID()}\n`)
    /* c8 ignore next 4 -- needs a disk that fills up here: test/agreement/archiver.test.ts has one */
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
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
  const text = await contentOf(path)
  const [host, pid] = text.split(' ')
  if (host !== hostname() || pid === undefined || isAlive(Number(pid))) return false
  const aside = `${path}.${randomUUID()}`
  // Gone already: another waiter was faster.
  await rename(path, aside).catch(() => {})
  /* c8 ignore next -- two waiters and a new owner within microseconds */
  if (![text, ''].includes(await contentOf(aside))) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
  return true
}

function contentOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
