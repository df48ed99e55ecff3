/** What must be true at the end of a download, whatever was in its way. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { EXIT, exitCodeOf } from '../../../src/cli/exit-codes.ts'
import { RefdepotError } from '../../../src/domain/errors.ts'
import type { Trial } from './download-trial.ts'
import { CHANGING_FAULTS, type FaultKind } from './fault-kinds.ts'
import type { Subject } from './trial-subjects.ts'

/** A download that has ended. */
export interface Ended {
  readonly trial: Trial
  readonly target: string
  readonly subject: Subject
  /** What was there before; undefined: nothing. */
  readonly before: Buffer | undefined
  /** Undefined: it says that all is well. */
  readonly error: unknown
  readonly fired: ReadonlyMap<FaultKind, number>
}

const LET_GO_MS = 5000

const count = (fired: Ended['fired'], kinds: readonly FaultKind[]) =>
  kinds.reduce((sum, kind) => sum + (fired.get(kind) ?? 0), 0)

/** What is wrong; empty when nothing is. */
export async function wrongsOf(ended: Ended): Promise<string[]> {
  const wrongs = [...(await wrongsOfFiles(ended)), ...(await openFilesBelow(dirname(ended.target)))]
  if (ended.error === undefined) return wrongs
  if (mustSucceed(ended)) wrongs.push(`it had to succeed: ${ended.error}`)
  return [...wrongs, ...wrongsOfError(ended)]
}

/** The target is whole or as it was, and a success leaves nothing else. */
async function wrongsOfFiles(ended: Ended): Promise<string[]> {
  const { trial, subject, target, before, error } = ended
  if (error !== undefined) {
    // Where an archive is unpacked, whoever asked for it moves the folder when it is complete.
    if (trial.form !== 'file') return []
    const there = await readFile(target).catch(() => undefined)
    const isAsBefore = before === undefined ? there === undefined : there?.equals(before) === true
    return isAsBefore ? [] : [`it failed, and the target has ${there?.length} bytes`]
  }
  const wrongs = await subject.wrongs(target)
  const left = (await readdir(dirname(target))).filter(name => name !== basename(target))
  return left.length === 0 ? wrongs : [...wrongs, `a success leaves ${left.join(', ')}`]
}

/** Faults that are over let a download go on, and so does one sound server. */
function mustSucceed({ trial, subject, fired }: Ended): boolean {
  const { servers } = trial
  if (servers.some(({ manner }) => manner === 'sound')) return true
  if (servers.some(({ manner }) => manner !== 'gentle')) return false
  // What is said not to be there is final. Without hashes of what is asked for nobody can tell where damage is: all of it is fetched once more.
  const isFinal = count(fired, ['404']) > 0
  const hasHashes = subject.parts !== undefined && trial.form !== 'only'
  return !isFinal && count(fired, CHANGING_FAULTS) <= (hasHashes ? 2 : 1)
}

/** An error is one of ours, and says what has happened. */
function wrongsOfError({ error, fired, trial }: Ended): string[] {
  if (!(error instanceof RefdepotError)) return [`an error of no kind: ${(error as Error).stack}`]
  const code = exitCodeOf(error)
  const wrongs: string[] = []
  if (code === EXIT.ok) wrongs.push('an error that ends with 0')
  if (fired.size === 0) wrongs.push(`${error.message}, though nothing was wrong`)
  if (code === EXIT.notFound && count(fired, ['404']) === 0)
    wrongs.push('exit code 3 without a 404')
  if (code === EXIT.denied) wrongs.push('exit code 4, though expired links are no refusal')
  if (code === EXIT.digestMismatch && count(fired, CHANGING_FAULTS) === 0)
    wrongs.push('exit code 5 without damage')
  if (trial.servers.every(({ manner }) => manner === 'damaging') && code !== EXIT.digestMismatch)
    wrongs.push(`damage alone, and exit code ${code}`)
  return wrongs
}

/** Files that this process holds open below a folder, though the thread that hashes had time to let go. */
async function openFilesBelow(folder: string): Promise<string[]> {
  let open: string[] = []
  for (const until = Date.now() + LET_GO_MS; Date.now() < until; await wait(20)) {
    const fds = await readdir('/proc/self/fd')
    const places = await Promise.all(
      fds.map(fd => readlink(join('/proc/self/fd', fd)).catch(() => '')),
    )
    open = places.filter(leadsTo => leadsTo.startsWith(`${folder}/`))
    if (open.length === 0) return []
  }
  return open.map(file => `${file} is still open`)
}
