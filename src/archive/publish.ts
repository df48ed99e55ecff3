/**
 * Publishes prepared files together with the server config: all of them or none.
 *
 * An archive and the digest that a config claims for it must change together, but a file system renames one file at a time. So
 * what is to be done is first written into a journal; whoever finds a journal finishes it. A run that is killed before the
 * journal leaves the old state, one that is killed after it the new one.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { OWN_FOLDER } from './run-folder.ts'

/** One prepared file and where it goes; absolute paths on one file system. */
export interface Move {
  readonly from: string
  readonly to: string
}

interface Journal {
  readonly format: 'refdepot-journal'
  readonly version: 1
  /** In this order; the config is the last one. */
  readonly moves: readonly Move[]
  /** Files that go. */
  readonly removals: readonly string[]
}

const JOURNAL = 'journal.json'

/** Path of the journal of an archive folder. */
function journalPath(archiveFolder: string): string {
  return join(archiveFolder, OWN_FOLDER, JOURNAL)
}

/** True when a publication was begun and not ended. */
export async function isUnfinished(archiveFolder: string): Promise<boolean> {
  return stat(journalPath(archiveFolder)).then(
    () => true,
    () => false,
  )
}

/**
 * Moves prepared files to their places and removes others; call it with the lock of the config held. Prepared files
 * must be on disk (flushed).
 *
 * @throws StorageWriteFailed when the journal cannot be written: nothing has changed then
 */
export async function publish(
  archiveFolder: string,
  moves: readonly Move[],
  removals: readonly string[] = [],
): Promise<void> {
  const journal: Journal = { format: 'refdepot-journal', version: 1, moves, removals }
  for (const folder of new Set(moves.map(({ to }) => dirname(to)))) {
    await mkdir(folder, { recursive: true })
  }
  await mkdir(join(archiveFolder, OWN_FOLDER), { recursive: true })
  await writeJournal(journalPath(archiveFolder), journal)
  await carryOut(archiveFolder, journal)
}

/** With the lock held one name is enough: what a run has left that was killed here is written over. */
async function writeJournal(path: string, journal: Journal): Promise<void> {
  const prepared = `${path}.part`
  try {
    await writeFile(prepared, `${JSON.stringify(journal)}\n`, { flush: true })
    await rename(prepared, path)
    await flushFolder(dirname(path))
  } catch (error) {
    await rm(prepared, { force: true }).catch(() => {})
    throw new StorageWriteFailed(path, error)
  }
}

/** Ends a publication that was broken off; call it with the lock of the config held. Answers whether there was one. */
export async function finishPublishing(archiveFolder: string): Promise<boolean> {
  const text = await readFile(journalPath(archiveFolder), 'utf8').catch(() => undefined)
  if (text === undefined) return false
  await carryOut(archiveFolder, JSON.parse(text))
  return true
}

async function carryOut(archiveFolder: string, { moves, removals }: Journal): Promise<void> {
  for (const { from, to } of moves) {
    // Not there: it was moved before the run was killed.
    await rename(from, to).catch(unlessAbsent)
  }
  for (const path of removals) await rm(path, { force: true })
  for (const folder of new Set(
    [...moves.map(({ to }) => to), ...removals].map(path => dirname(path)),
  )) {
    await flushFolder(folder).catch(unlessAbsent)
  }
  await rm(journalPath(archiveFolder), { force: true })
}

function unlessAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
