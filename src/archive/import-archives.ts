/**
 * `archive import`: repacks archives of other tools, so that every form and any range of their files can be served.
 *
 * The files come from the unpacked copy where there is one (the peer follows links in it), else from the archive. The old
 * archive is replaced; its digests stay in the index, and whoever asks for them learns which archive took its place.
 */
import { constants } from 'node:fs'
import { mkdir, open, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { SourceRefused } from '../domain/archiving-errors.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { openFile } from '../storage/file-store.ts'
import { archiveKeys, claimedDigest, unpackedKeys } from './archive-places.ts'
import { archivePath } from './archive-plan.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { fileDigests } from './file-digests.ts'
import type { MemberIndex } from './member-index.ts'
import { type ReadyTag, soundTree } from './ready-tag.ts'

/**
 * Prepares the files of an archive of another tool for packing.
 *
 * @param scratch - folder to unpack into; it need not exist
 * @throws SourceRefused when the archive is not the one of the config, cannot be unpacked, or holds what must not be unpacked;
 * AssetIncomplete when seek keys lead nowhere
 */
export async function readyImport(
  { archiveFolder }: Pick<ArchiveTarget, 'archiveFolder'>,
  entry: CatalogueEntry,
  scratch: string,
): Promise<ReadyTag> {
  const { replaces, removals } = await replacedArchives(archiveFolder, entry)
  const folder = await unpackedFolder(archiveFolder, entry, scratch)
  const place = { folder, genomeFolder: folder }
  return { entry, place, tree: await soundTree(entry, place), replaces, removals }
}

async function unpackedFolder(
  archiveFolder: string,
  entry: CatalogueEntry,
  scratch: string,
): Promise<string> {
  for (const key of unpackedKeys(entry)) {
    const folder = join(archiveFolder, key)
    const stats = await stat(folder).catch(() => undefined)
    if (stats?.isDirectory() === true) return folder
  }
  const path = await archivePath({ archiveFolder }, entry)
  if (path === undefined) {
    throw new SourceRefused(
      join(archiveFolder, archiveKeys(entry, 'stored')[0] as string),
      'it is not there',
    )
  }
  await unpack(path, scratch)
  return scratch
}

async function replacedArchives(
  archiveFolder: string,
  entry: CatalogueEntry,
): Promise<Pick<ReadyTag, 'replaces' | 'removals'>> {
  const replaces: MemberIndex['replaces'] = []
  const removals: string[] = []
  for (const form of ['stored', 'legacy'] as const) {
    if (form === 'legacy' && entry.tag.legacyArchiveDigest === '') continue
    for (const key of archiveKeys(entry, form)) {
      const path = join(archiveFolder, key)
      const stats = await stat(path).catch(() => undefined)
      if (stats?.isFile() !== true) continue
      const digests = await fileDigests(path)
      const claimed = claimedDigest(entry, form)
      // What is damaged must not become sound by repacking.
      if (claimed !== digests.md5)
        throw new SourceRefused(path, `its md5 is ${digests.md5}, the config says ${claimed}`)
      replaces.push({ ...digests, form })
      removals.push(path)
    }
  }
  return { replaces, removals }
}

/** Unpacks a tar in gzip without its top folder; nothing can be written outside the folder. */
async function unpack(archive: string, folder: string): Promise<void> {
  const object = await openFile(archive)
  await mkdir(folder, { recursive: true })
  const tar = extract()
  tar.on('error', () => {})
  const filled = pipeline(object.stream({ start: 0, end: object.size }), createGunzip(), tar)
  filled.catch(() => {})
  try {
    for await (const entry of tar) {
      // The entry fails with the tar, also one that is not read.
      entry.on('error', () => {})
      const part = entry as unknown as Readable & { header: Header }
      await unpackEntry(archive, folder, part)
    }
    await filled
  } catch (error) {
    if (error instanceof SourceRefused) throw error
    throw new SourceRefused(archive, `it is cut off or damaged (${(error as Error).message})`)
  }
}

async function unpackEntry(
  archive: string,
  folder: string,
  entry: Readable & { header: Header },
): Promise<void> {
  const { name, type, linkname, mode } = entry.header
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (name.startsWith('/') || parts.includes('..'))
    throw new SourceRefused(archive, `it holds ${name}, which leads out of it`)
  const [, ...below] = parts
  const path = join(folder, ...below)
  if (type === 'directory') {
    await mkdir(path, { recursive: true })
  } else if (type === 'file' && below.length > 0) {
    await mkdir(dirname(path), { recursive: true })
    const executable = (Number(mode) & 0o111) !== 0
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const file = await open(path, flags, executable ? 0o755 : 0o644)
    try {
      // Not `pipeline`: it waits for ever for an entry that its tar has destroyed.
      for await (const chunk of entry) await file.writeFile(chunk)
    } finally {
      await file.close()
    }
    return
  } else if (type === 'symlink' && staysBelow(folder, path, String(linkname))) {
    await mkdir(dirname(path), { recursive: true })
    await symlink(linkname as string, path)
  } else {
    const what = type === 'symlink' ? `a link to ${linkname}` : `a ${type}`
    throw new SourceRefused(
      archive,
      `it holds ${name}, ${what}; archive the asset anew from its genome folder`,
    )
  }
  entry.resume()
}

function staysBelow(folder: string, path: string, target: string): boolean {
  return !target.startsWith('/') && resolve(dirname(path), target).startsWith(`${resolve(folder)}/`)
}
