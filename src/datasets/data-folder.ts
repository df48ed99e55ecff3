/** The folder of all data: one run at a time changes it, and ends first what a killed one has begun. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OWN_FOLDER, removeDeadRuns } from '../archive/run-folder.ts'
import { withConfigLock } from '../config/config-lock.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { finishSwapping, isSwapping } from './swap-folders.ts'

/** Folder below the folder of all data in which files are written before they have their place. */
export const PARTS = `${OWN_FOLDER}/parts`

/**
 * Runs an action while nobody else changes the data.
 *
 * @throws StorageWriteFailed, ConfigLocked when another run does not end
 */
export async function changingData<T>(data: string, action: () => Promise<T>): Promise<T> {
  const own = join(data, OWN_FOLDER)
  await mkdir(own, { recursive: true }).catch(error => {
    throw new StorageWriteFailed(own, error)
  })
  return withConfigLock(join(own, 'datasets'), async () => {
    await finishSwapping(data)
    await removeDeadRuns(data)
    await rm(join(data, PARTS), { recursive: true, force: true })
    return action()
  })
}

/** Ends what a killed run has begun, before data are only read. */
export async function healData(data: string): Promise<void> {
  if (await isSwapping(data)) await changingData(data, async () => {})
}
