/**
 * One process at a time fetches an archive into a folder, also where several machines share it.
 *
 * The lock is a file that says who holds it, and whose time its owner renews. A lock of a process of this machine that has died is taken over
 * at once; any other when its time has stood still for long. Whose lock was taken over finds that out before it puts anything in place.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { open, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { appeared, lockText } from '../config/lock-file.ts'
import { isAlive } from '../config/process-alive.ts'
import { StorageWriteFailed } from '../domain/errors.ts'

/** Who holds a lock, for those who wait. */
export interface LockOwner {
  readonly host: string
  readonly pid: number
}

/** How to wait for a lock. */
export interface ArchiveLockOptions {
  /** Called once, when somebody else holds the lock. */
  readonly onWaiting?: (owner: LockOwner) => void
  readonly signal?: AbortSignal
  /** Milliseconds that a lock of another machine may stand still; for tests. */
  readonly silentMs?: number
}

/** A lock that is held. */
export interface HeldLock {
  /** False when it was taken over by somebody who found its owner silent. */
  isMine(): Promise<boolean>
}

const RENEW_MS = 5000
const LOOK_MS = 250
// Another machine: its clock is not asked, only whether the time of the file moves.
const SILENT_MS = 60_000
// A process of this machine that lives but has not renewed its lock: stopped, or another one with its number.
const STOPPED_FACTOR = 10
// Taking over takes microseconds; a mark that is older was left by a process that died meanwhile.
const MARK_MS = 30_000

/**
 * Runs an action while no other process has the lock.
 *
 * @param path - file of the lock; its folder exists
 * @throws StorageWriteFailed when the folder cannot be written, the reason of the signal, and what `action` throws
 */
export async function withArchiveLock<T>(
  path: string,
  action: (lock: HeldLock) => Promise<T>,
  options: ArchiveLockOptions = {},
): Promise<T> {
  const text = `${hostname()} ${process.pid} ${randomUUID()} ${machine()}\n`
  await taken(path, text, options)
  await tidied(path)
  const renew = setInterval(() => {
    const now = new Date()
    // A lock that is gone is found out by `isMine`.
    utimes(path, now, now).catch(() => {})
  }, RENEW_MS)
  renew.unref()
  const isMine = async () => (await lockText(path)) === text
  try {
    return await action({ isMine })
  } finally {
    clearInterval(renew)
    if (await isMine()) await rm(path, { force: true })
  }
}

/** Makes the lock file, when nobody else has it. */
async function taken(path: string, text: string, options: ArchiveLockOptions): Promise<void> {
  const patience = new Patience(options.silentMs ?? SILENT_MS)
  // Whole from the first moment: a link appears with its content.
  const own = `${path}.${process.pid}.${randomUUID()}`
  try {
    await writeFile(own, text, { flag: 'wx' })
    for (let told = false; ; ) {
      options.signal?.throwIfAborted()
      if (await appeared(own, path, text)) return
      const there = await lockText(path)
      // Gone meanwhile.
      if (there === '') continue
      const [host = '', pid = ''] = there.split(' ')
      if (!told) options.onWaiting?.({ host, pid: Number(pid) })
      told = true
      if (await patience.isOver(path, there)) await takeOver(path, there)
      else await sleep(LOOK_MS * (0.5 + Math.random()), undefined, { signal: options.signal })
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new StorageWriteFailed(path, error)
  } finally {
    await rm(own, { force: true }).catch(() => {})
  }
}

/** Removes what processes have left that were killed while they waited. */
async function tidied(path: string): Promise<void> {
  const folder = dirname(path)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(`${basename(path)}.`)) continue
    const left = join(folder, name)
    if (isOfDead(await lockText(left))) await rm(left, { force: true }).catch(() => {})
  }
}

/** True for the text of a lock whose process ran on this machine, and has died. */
function isOfDead(text: string): boolean {
  return isOfHere(text) && !isAlive(Number(text.split(' ')[1]))
}

function isOfHere(text: string): boolean {
  const [host, , , where] = text.trim().split(' ')
  return host === hostname() && where === machine()
}

/** Watches a lock of somebody else. */
class Patience {
  readonly #silentMs: number
  #seen = ''
  #since = 0

  constructor(silentMs: number) {
    this.#silentMs = silentMs
  }

  /** True when the owner has died, or has been silent for too long. */
  async isOver(path: string, text: string): Promise<boolean> {
    if (isOfDead(text)) return true
    const time = await stat(path).then(
      stats => stats.mtimeMs,
      () => 0,
    )
    const now = performance.now()
    if (this.#seen !== `${time} ${text}`) {
      this.#seen = `${time} ${text}`
      this.#since = now
    }
    return now - this.#since > this.#silentMs * (isOfHere(text) ? STOPPED_FACTOR : 1)
  }
}

/** Removes a lock that is nobody's any more. Among all who found it so one does: the others find its mark. */
async function takeOver(path: string, text: string): Promise<void> {
  const mark = `${path}.${text.split(' ')[2] ?? ''}`
  try {
    await (await open(mark, 'wx')).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const age = await stat(mark).then(
      stats => Date.now() - stats.mtimeMs,
      () => 0,
    )
    if (age > MARK_MS) await rm(mark, { force: true })
    return
  }
  if ((await lockText(path)) === text) await rm(path, { force: true })
  await rm(mark, { force: true })
}

let known: string | undefined

/** Tells machines of one name apart, and containers on one machine: numbers of processes mean something within one only. */
function machine(): string {
  known ??= [
    () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    () => readlinkSync('/proc/self/ns/pid'),
  ]
    .map(read => {
      try {
        return read()
      } catch {
        return '-'
      }
    })
    .join('/')
  return known
}
