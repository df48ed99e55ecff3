/** Is there room for a download: asked before its first byte. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DiskFull } from '../domain/archiving-errors.ts'
import { formatSize } from '../domain/human-size.ts'

/**
 * Makes sure that a folder, or the nearest one above it that exists, has room.
 *
 * @param bytes - what will be written, unpacked
 * @throws DiskFull
 */
export async function mustHaveRoom(folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder)
  if (bytes > free) throw new DiskFull(folder, formatSize(bytes), formatSize(free))
}

async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) throw error
    return freeBytes(dirname(folder))
  }
}
