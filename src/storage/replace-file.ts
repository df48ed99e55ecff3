/** Writes files so that a reader sees the old content or the new one, whole, whatever happens in between. */
import { randomBytes } from 'node:crypto'
import { open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'

/**
 * Replaces the content of a file: a temporary file beside it is flushed and renamed. A link stays a link, its target is replaced; the mode
 * of an existing file stays, unless one is given.
 *
 * @throws StorageWriteFailed; the old content is untouched then
 */
export async function replaceFile(
  path: string,
  content: string | Buffer,
  mode?: number,
): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const temporary = `${target}.${process.pid}.${randomBytes(4).toString('hex')}.part`
  try {
    const kept = await stat(target).then(
      stats => stats.mode,
      () => 0o644,
    )
    await writeFile(temporary, content, { flush: true, flag: 'wx', mode: mode ?? kept })
    await rename(temporary, target)
    await flushFolder(dirname(target))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw new StorageWriteFailed(path, error)
  }
}

/** Makes the names in a folder last: a rename is on disk when its folder is. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}
