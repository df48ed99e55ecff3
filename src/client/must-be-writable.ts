/** Can a place be written: asked before anything is fetched for it. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'

/**
 * Makes sure that a folder, or the nearest one above it that exists, can be written.
 *
 * @throws StorageWriteFailed
 */
export async function mustBeWritable(folder: string): Promise<void> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      await access(at, constants.W_OK)
      if ((await stat(at)).isDirectory()) return
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!missing || at === dirname(at)) throw new StorageWriteFailed(folder, error)
      continue
    }
    throw new StorageWriteFailed(folder, new Error(`${at} is no folder`))
  }
}
