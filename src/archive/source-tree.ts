/**
 * Looks at the folder of a tag and decides what goes into its archive.
 *
 * Out stay `_refgenie_build` at any depth (as refgenieserver) and `._*` files (as refgenie 1.x). A link to a file of another asset
 * in the genome folder becomes that file, so that a pulled asset is complete by itself; a link inside the asset stays a link.
 */
import type { Stats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { SourceRefused } from '../domain/archiving-errors.ts'
import { byCodePoint } from '../domain/text-order.ts'

/** One entry below a tag folder. */
export interface SourceEntry {
  /** Below the tag folder, with `/`. */
  readonly path: string
  readonly type: 'file' | 'folder' | 'link'
  /** Where to read a file from; links are resolved. */
  readonly source: string
  /** Bytes; 0 for folders and links. */
  readonly size: number
  /** Nanoseconds since 1970 of the last change of a file's content. */
  readonly modifiedNs: bigint
  readonly executable: boolean
  /** Where a link leads, relative to its own folder. */
  readonly target?: string
  /** Registry path (`digest/asset:tag`) of the asset whose file a link led to. */
  readonly linked?: string
}

/** What a tag folder holds, sorted by path. */
export interface SourceTree {
  /** Real path of the tag folder. */
  readonly root: string
  readonly entries: readonly SourceEntry[]
  /** Bytes of all files. */
  readonly size: number
}

/** Where the genomes are: links may lead to files of other assets in there. */
export interface TreePlace {
  /** The tag folder. */
  readonly folder: string
  readonly genomeFolder: string
}

/**
 * Reads what a tag folder holds.
 *
 * @throws SourceRefused naming the entry that cannot be archived and why
 */
export async function readSourceTree(place: TreePlace): Promise<SourceTree> {
  const root = await realpath(place.folder).catch(error => {
    throw new SourceRefused(place.folder, reasonOf(error))
  })
  const genomes = await realpath(place.genomeFolder).catch(() => resolve(place.genomeFolder))
  const entries: SourceEntry[] = []
  await walk({ root, genomes }, '', entries).catch(error => {
    throw error instanceof SourceRefused ? error : new SourceRefused(root, reasonOf(error))
  })
  entries.sort((a, b) => byCodePoint(a.path, b.path))
  return { root, entries, size: entries.reduce((sum, entry) => sum + entry.size, 0) }
}

/** True when two looks at a tag folder saw the same: names, sizes, times and links. */
export function sameTree(a: SourceTree, b: SourceTree): boolean {
  const facts = (tree: SourceTree) =>
    tree.entries.map(e => [e.path, e.type, e.source, e.size, e.modifiedNs, e.target].join('\0'))
  const [left, right] = [facts(a), facts(b)]
  return left.length === right.length && left.every((fact, i) => fact === right[i])
}

interface Roots {
  readonly root: string
  readonly genomes: string
}

async function walk(roots: Roots, folder: string, entries: SourceEntry[]): Promise<void> {
  const names = await readdir(join(roots.root, folder))
  for (const name of names) {
    if (name === '_refgenie_build' || name.startsWith('._')) continue
    const path = folder === '' ? name : `${folder}/${name}`
    // Names are texts in an archive: bytes that are no UTF-8 would become another name.
    if (name.includes('\ufffd')) throw new SourceRefused(path, 'its name is not UTF-8; rename it')
    const entry = await lookAt(roots, path)
    entries.push(entry)
    if (entry.type === 'folder') await walk(roots, path, entries)
  }
}

async function lookAt(roots: Roots, path: string): Promise<SourceEntry> {
  const source = join(roots.root, path)
  const stats = await lstat(source, { bigint: true })
  if (stats.isFile()) return fileEntry(path, source, stats)
  if (stats.isDirectory()) return plainEntry(path, source, 'folder')
  if (stats.isSymbolicLink()) return linkEntry(roots, path, source)
  throw new SourceRefused(
    source,
    'it is a device, socket or pipe; only files, folders and links are archived',
  )
}

function plainEntry(
  path: string,
  source: string,
  type: 'folder' | 'link',
  target?: string,
): SourceEntry {
  const common = { path, type, source, size: 0, modifiedNs: 0n, executable: false }
  return target === undefined ? common : { ...common, target }
}

type BigStats = { [key in 'size' | 'mtimeNs' | 'mode']: bigint } & Pick<Stats, 'isFile'>

function fileEntry(path: string, source: string, stats: BigStats): SourceEntry {
  return {
    path,
    type: 'file',
    source,
    size: Number(stats.size),
    modifiedNs: stats.mtimeNs,
    executable: (stats.mode & 0o111n) !== 0n,
  }
}

async function linkEntry(roots: Roots, path: string, source: string): Promise<SourceEntry> {
  const text = await readlink(source)
  const real = await realpath(source).catch(() => {
    throw new SourceRefused(
      source,
      `it is a link to ${text}, which is not there; restore or remove it`,
    )
  })
  if (isBelow(real, roots.root))
    return plainEntry(path, source, 'link', innerTarget(roots, source, text, real))
  const stats = await stat(real, { bigint: true })
  if (isBelow(real, roots.genomes) && stats.isFile()) {
    return { ...fileEntry(path, real, stats), linked: ownerOf(roots, real) }
  }
  const why = stats.isFile()
    ? 'leads out of the genome folder'
    : 'leads to a folder of another asset'
  throw new SourceRefused(
    source,
    `it is a link that ${why} (${real}); put the file itself in its place`,
  )
}

/** A link inside the asset, relative: the text as written when it is relative and stays inside, else the way to the real file. */
function innerTarget(roots: Roots, source: string, text: string, real: string): string {
  const written = resolve(dirname(source), text)
  const goal = isBelow(written, roots.root) ? written : real
  return relative(dirname(source), goal).split(sep).join('/')
}

/** `data/<digest>/<asset>/<tag>/…` names the asset; a file elsewhere in the genome folder goes by its path. */
function ownerOf(roots: Roots, real: string): string {
  const path = relative(roots.genomes, real).split(sep)
  const [data, genome, asset, tag, file] = path
  return data === 'data' && file !== undefined ? `${genome}/${asset}:${tag}` : path.join('/')
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`)
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'it is not there; build the asset again, or correct asset_path'
  return message
}
