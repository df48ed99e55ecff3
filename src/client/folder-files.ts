/** The files of a placed folder. */
import { lstat, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { inParallel } from '../domain/in-parallel.ts'
import { byCodePoint } from '../domain/text-order.ts'
import type { PlacedRecord } from './placed-record.ts'

/** A regular file. */
export interface FileSize {
  /** Below the folder, with slashes. */
  readonly path: string
  /** Bytes. */
  readonly size: number
}

// Stats at a time: a shared file system answers each after a while.
const AT_ONCE = 16

/** The regular files below a folder, ordered by path. Throws errors of the file system. */
export async function filesOfFolder(folder: string): Promise<FileSize[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: FileSize[] = []
  await inParallel(
    entries.filter(entry => entry.isFile()),
    AT_ONCE,
    async entry => {
      const file = join(entry.parentPath, entry.name)
      const { size } = await lstat(file)
      files.push({ path: relative(folder, file).split(sep).join('/'), size })
    },
  )
  return files.sort((a, b) => byCodePoint(a.path, b.path))
}

/** What of a record is not on disk as it says, by presence and size. */
export interface Lack {
  /** Below the folder of the asset; empty for the asset itself. */
  readonly path: string
  readonly kind: 'missing' | 'damaged'
  readonly message: string
}

/** Compares what lies at a path with its record, without reading it. */
export async function lacksOf(path: string, record: PlacedRecord): Promise<Lack[]> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined) return [{ path: '', kind: 'missing', message: 'is not there' }]
  if (record.form === 'archive') return wrongSize('', stats.size, record.archive.size)
  const lacks: Lack[] = []
  await inParallel(record.files, AT_ONCE, async ({ path: name, size }) => {
    const there = await lstat(join(path, name)).catch(() => undefined)
    if (there === undefined) lacks.push({ path: name, kind: 'missing', message: 'is not there' })
    else lacks.push(...wrongSize(name, there.size, size))
  })
  return lacks.sort((a, b) => byCodePoint(a.path, b.path))
}

function wrongSize(path: string, found: number, expected: number): Lack[] {
  if (found === expected) return []
  return [{ path, kind: 'damaged', message: `has ${found} bytes instead of ${expected}` }]
}
