/** Prepares everything that belongs to one archived tag in the run folder, ready to be published. */
import { copyFile, mkdir, open, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SourceChanged } from '../domain/archiving-errors.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'
import { openFile } from '../storage/file-store.ts'
import { legacyNaming } from './archive-layout.ts'
import { archiveName, folderIn, type SideFile, sideFileName } from './archive-places.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { viewBlob } from './archive-view.ts'
import { assetDigestOf } from './asset-digests.ts'
import { LEDGER_SUFFIX, ledgerText } from './digest-ledger.ts'
import { mustFit } from './free-space.ts'
import { formatIndex, INDEX_SUFFIX, type MemberIndex } from './member-index.ts'
import { type PackOrder, packArchive } from './pack-archive.ts'
import type { Move } from './publish.ts'
import type { ReadyTag } from './ready-tag.ts'
import { readSourceTree, sameTree } from './source-tree.ts'

/** A packed tag, before its views are known. */
export interface PackedTag {
  readonly entry: CatalogueEntry
  /** Folder of its own in the run folder. */
  readonly folder: string
  /** Absolute path of the packed archive. */
  readonly archive: string
  readonly index: MemberIndex
  /** Bytes of its files. */
  readonly assetSize: number
  readonly ready: ReadyTag
  readonly warnings: readonly string[]
}

/** What packing needs beside the tag. */
export type PackTools = Pick<PackOrder, 'pool' | 'onProgress' | 'signal'>

/**
 * Packs a tag into the run folder.
 *
 * @throws DiskFull, SourceChanged, SourceRefused
 */
export async function packTag(
  ready: ReadyTag,
  folder: string,
  tools: PackTools,
): Promise<PackedTag> {
  const { entry, place, tree } = ready
  await mkdir(folder, { recursive: true })
  await mustFit(folder, tree, tools.pool)
  const archive = join(folder, archiveName(entry))
  const names = { genome: entry.genome.digest, asset: entry.asset.name, tag: entry.tag.name }
  const { aliases } = entry.genome
  const packed = await packArchive({ ...names, aliases, tree, path: archive, ...tools })
  const index = { ...packed, replaces: [...ready.replaces] }
  if (!sameTree(tree, await readSourceTree(place))) throw new SourceChanged(tree.root)
  const warnings = digestWarnings(entry, index)
  return { entry, folder, archive, index, assetSize: tree.size, ready, warnings }
}

/** Writes index, digests and side files beside the packed archive and answers what goes where. */
export async function stageTag(
  target: ArchiveTarget,
  packed: PackedTag,
  index: MemberIndex,
  legacyFiles: boolean,
): Promise<{ moves: Move[]; warnings: string[] }> {
  const { entry, folder, archive } = packed
  await writeFile(archive + INDEX_SUFFIX, formatIndex(index), { flush: true })
  await writeLedger(archive, index)
  const names = index.entries.filter(({ type }) => type !== 'folder').map(({ path }) => path)
  await writeFile(join(folder, sideFileName(entry, 'contents')), JSON.stringify(names), {
    flush: true,
  })
  const { files, warnings } = await copyBuildFiles(packed)
  const genomeFolder = folderFor(target, entry, entry.genome.folder)
  const own = [archiveName(entry), sideFileName(entry, 'contents'), ...files]
  const beside = [archiveName(entry) + INDEX_SUFFIX, archiveName(entry) + LEDGER_SUFFIX]
  const moves = [...own, ...beside].map(name => ({
    from: join(folder, name),
    to: join(genomeFolder, name),
  }))
  const alias = nameOf(entry.genome)
  if (alias === entry.genome.digest) return { moves, warnings }
  const forAlias = await stageForAlias(packed, index, files, legacyFiles)
  const aliasFolder = folderFor(target, entry, alias)
  for (const from of forAlias) moves.push({ from, to: join(aliasFolder, basename(from)) })
  return { moves, warnings }
}

function folderFor(target: ArchiveTarget, entry: CatalogueEntry, name: string): string {
  return join(target.archiveFolder, folderIn(target.layout, name, entry))
}

/** The bytes were just hashed: a server need not do it again. */
async function writeLedger(archive: string, index: MemberIndex): Promise<void> {
  const { mtimeMs, ino } = await stat(archive)
  const identity = { size: index.archive.size, modifiedMs: mtimeMs, inode: String(ino) }
  await writeFile(archive + LEDGER_SUFFIX, ledgerText(identity, index.archive), { flush: true })
}

async function copyBuildFiles(packed: PackedTag): Promise<{ files: string[]; warnings: string[] }> {
  const { entry, folder } = packed
  const { buildFolder } = packed.ready
  const sources: [SideFile, string][] = [
    ['log', 'refgenie_log.md'],
    ['recipe', sideFileName(entry, 'recipe')],
  ]
  const files: string[] = []
  const warnings = [...packed.warnings]
  // An archive of another tool has its log and recipe beside it.
  if (buildFolder === undefined) return { files, warnings }
  for (const [side, source] of sources) {
    const name = sideFileName(entry, side)
    const copied = await copyFlushed(join(buildFolder, source), join(folder, name)).catch(
      () => false,
    )
    if (copied) files.push(name)
    else warnings.push(`there is no build ${side} (${join(buildFolder, source)})`)
  }
  return { files, warnings }
}

/** The peer reads log and recipe of v2 in the folder of the first alias, and the alias-named archive when it is wanted as a file. */
async function stageForAlias(
  { entry, folder, archive }: PackedTag,
  index: MemberIndex,
  files: readonly string[],
  legacyFiles: boolean,
): Promise<string[]> {
  const aliasFolder = join(folder, 'alias')
  await mkdir(aliasFolder, { recursive: true })
  for (const name of files) await copyFlushed(join(folder, name), join(aliasFolder, name))
  const staged = files.map(name => join(aliasFolder, name))
  if (!legacyFiles) return staged
  const path = join(aliasFolder, archiveName(entry))
  const object = await openFile(archive)
  const blob = viewBlob({ object, index }, legacyNaming(index.asset, nameOf(entry.genome)))
  const file = await open(path, 'w', 0o644)
  await pipeline(blob.stream({ start: 0, end: blob.size }), file.createWriteStream({ flush: true }))
  return [...staged, path]
}

async function copyFlushed(from: string, to: string): Promise<boolean> {
  await copyFile(from, to)
  const file = await open(to, 'r+')
  await file.sync().finally(() => file.close())
  return true
}

function digestWarnings({ tag }: CatalogueEntry, index: MemberIndex): string[] {
  const digest = assetDigestOf(index)
  if (tag.assetDigest === '' || tag.assetDigest === digest) return []
  return [
    `its files have the digest ${digest}, the config says ${tag.assetDigest}: they changed after the build, or were hashed in another order`,
  ]
}
