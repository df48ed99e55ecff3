/** The folder in which one run of the archiver prepares its files before they are published. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../config/process-alive.ts'

/** Folder of the archiver's own files below an archive folder; nothing in it is ever served. */
export const OWN_FOLDER = '.refdepot'

// A run of another machine counts as dead when nothing in it was touched for so long.
const ABANDONED_MS = 7 * 24 * 3600 * 1000

/** Makes a folder for a run, on the same file system as the archives: publishing is renaming. */
export async function openRunFolder(archiveFolder: string): Promise<string> {
  const own = join(archiveFolder, OWN_FOLDER)
  await mkdir(own, { recursive: true })
  return mkdtemp(join(own, `run-${encodeURIComponent(hostname())}-${process.pid}-`))
}

/** Removes what runs left behind that were killed; a run that is alive on this machine, or fresh on another, is left alone. */
export async function removeDeadRuns(archiveFolder: string): Promise<void> {
  const own = join(archiveFolder, OWN_FOLDER)
  for (const name of await readdir(own).catch(() => [])) {
    const match = /^run-(.*)-(\d+)-[^-]*$/.exec(name)
    if (match === null) continue
    const [, host, pid] = match
    const here = host === encodeURIComponent(hostname())
    const dead = here ? !isAlive(Number(pid)) : await isAbandoned(join(own, name))
    if (dead) await rm(join(own, name), { recursive: true, force: true })
  }
}

async function isAbandoned(folder: string): Promise<boolean> {
  const stats = await stat(folder).catch(() => undefined)
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS
}
