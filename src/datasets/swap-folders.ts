/**
 * Puts prepared folders in the place of others: all of them or none.
 *
 * A file system renames one folder at a time, so what is to be done is first written into a journal. An error in between is taken back; a run that
 * was killed in between is carried out by whoever comes next, since everything was prepared and checked before the journal was written.
 */
import { lstat, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OWN_FOLDER } from '../archive/run-folder.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder, replaceFile } from '../storage/replace-file.ts'

/** A prepared folder and where it goes; paths below the folder of all data. */
export interface Swap {
  readonly staged: string
  readonly target: string
}

/** Gives a folder another name; tests put in one that fails. */
export type Move = (from: string, to: string) => Promise<void>

interface Journal {
  readonly format: 'refdepot-dataset-swaps'
  readonly version: 1
  readonly swaps: readonly Swap[]
}

// Where a folder waits that another one takes the place of.
const REPLACED = 'replaced'

function journalOf(data: string): string {
  return join(data, OWN_FOLDER, 'swaps.json')
}

/** True when swapping was begun and not ended. */
export function isSwapping(data: string): Promise<boolean> {
  return exists(journalOf(data))
}

/**
 * Swaps folders; call it with the lock of the data held. What is in the prepared ones must be on disk (flushed).
 *
 * @throws StorageWriteFailed; every folder is as it was then
 */
export async function swapFolders(
  data: string,
  swaps: readonly Swap[],
  move: Move = rename,
): Promise<void> {
  // What stands in an older journal has its turn first: the folders it waits for are not to be removed.
  await finishSwapping(data)
  const journal: Journal = { format: 'refdepot-dataset-swaps', version: 1, swaps }
  try {
    await rm(join(data, OWN_FOLDER, REPLACED), { recursive: true, force: true })
    for (const swap of swaps) {
      for (const path of [join(data, swap.target), replacedOf(data, swap)]) {
        await mkdir(dirname(path), { recursive: true })
      }
    }
    await replaceFile(journalOf(data), `${JSON.stringify(journal)}\n`)
  } catch (error) {
    throw asWriteFailure(data, error)
  }
  try {
    await carryOut(data, swaps, move)
  } catch (error) {
    // When even that fails the journal stays, and the next run carries it out.
    for (const swap of [...swaps].reverse()) await takeBack(data, swap, move)
    await rm(journalOf(data), { force: true })
    throw asWriteFailure(data, error)
  }
  await forget(data)
}

/** Carries out what a killed run has begun; call it with the lock of the data held. Throws StorageWriteFailed. */
export async function finishSwapping(data: string): Promise<void> {
  const text = await readFile(journalOf(data), 'utf8').catch(() => undefined)
  if (text === undefined) return
  const { swaps }: Journal = JSON.parse(text)
  await carryOut(data, swaps, rename).catch(error => {
    throw asWriteFailure(data, error)
  })
  await forget(data)
}

async function carryOut(data: string, swaps: readonly Swap[], move: Move): Promise<void> {
  for (const swap of swaps) {
    const staged = join(data, swap.staged)
    const target = join(data, swap.target)
    // Not there: it was moved before the run was killed.
    if (!(await exists(staged))) continue
    if (await exists(target)) await move(target, replacedOf(data, swap))
    await move(staged, target)
  }
  for (const { target } of swaps) await flushFolder(dirname(join(data, target)))
}

async function takeBack(data: string, swap: Swap, move: Move): Promise<void> {
  const staged = join(data, swap.staged)
  const target = join(data, swap.target)
  const replaced = replacedOf(data, swap)
  if (!(await exists(staged))) await move(target, staged)
  if (await exists(replaced)) await move(replaced, target)
}

async function forget(data: string): Promise<void> {
  await rm(journalOf(data), { force: true })
  await rm(join(data, OWN_FOLDER, REPLACED), { recursive: true, force: true })
}

function replacedOf(data: string, { target }: Swap): string {
  return join(data, OWN_FOLDER, REPLACED, target)
}

function asWriteFailure(data: string, error: unknown): StorageWriteFailed {
  return error instanceof StorageWriteFailed ? error : new StorageWriteFailed(data, error)
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
