/** The alias tree of a genome folder: what is in `data` under the digest of a genome, again under its names (`RefGenConf._symlink_alias`). */

import { randomUUID } from 'node:crypto'
import { lstat, mkdir, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/** One alias of a genome. */
export interface AliasOf {
  /** Absolute; holds `data` and `alias`. */
  readonly genomeFolder: string
  /** Digest of the genome. */
  readonly digest: string
  readonly alias: string
}

/**
 * Makes the links of an alias for a folder below `data/<digest>`: relative links to files, real folders, the alias in names instead of the digest.
 * Links to what is not there any more are removed. Throws errors of the file system.
 *
 * @param inner - such as `fasta/default`; empty for the whole genome
 */
export async function linkAlias(
  { genomeFolder, digest, alias }: AliasOf,
  inner: string,
): Promise<void> {
  const source = join(genomeFolder, 'data', digest, inner)
  const target = join(genomeFolder, 'alias', alias, inner)
  await mkdir(target, { recursive: true })
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(source, path).replaceAll(digest, alias)
    const place = join(target, name)
    if (entry.isDirectory()) await mkdir(place, { recursive: true })
    else await linked(relative(dirname(place), path), place)
  }
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    // Others may be linking at this moment: only what leads nowhere goes.
    if (entry.isSymbolicLink() && (await isDangling(path))) await rm(path, { force: true })
  }
}

/** A link that is there and leads elsewhere is replaced at once; anything but a link is somebody's and stays. */
async function linked(to: string, place: string): Promise<void> {
  const there = await lstat(place).catch(() => undefined)
  if (there !== undefined && !there.isSymbolicLink()) return
  if (there !== undefined && (await readlink(place)) === to) return
  await mkdir(dirname(place), { recursive: true })
  const made = `${place}.${randomUUID()}`
  await symlink(to, made)
  await rename(made, place)
}

function isDangling(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    error => error.code === 'ENOENT',
  )
}
