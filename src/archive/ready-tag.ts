/** A tag whose files were looked at and found ready to be packed. */
import { join } from 'node:path'
import { AssetIncomplete } from '../domain/archiving-errors.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { nameIn } from './archive-layout.ts'
import { type ArchiveTarget, tagFolderOf } from './archive-target.ts'
import { whyIncomplete, whyUnbuilt } from './asset-readiness.ts'
import type { MemberIndex } from './member-index.ts'
import { readSourceTree, type SourceTree, type TreePlace } from './source-tree.ts'

/** The files of a tag, looked at and found ready. */
export interface ReadyTag {
  readonly entry: CatalogueEntry
  readonly place: TreePlace
  readonly tree: SourceTree
  /** Folder with the log and recipe of the build; undefined when they lie beside the archive already. */
  readonly buildFolder?: string
  /** Archives that the new one takes the place of. */
  readonly replaces: MemberIndex['replaces']
  /** Absolute paths of files that go when the new archive comes. */
  readonly removals: readonly string[]
}

/**
 * Looks at the files of a tag in the genome folder.
 *
 * @throws AssetIncomplete, SourceRefused
 */
export async function readyTag(target: ArchiveTarget, entry: CatalogueEntry): Promise<ReadyTag> {
  const { genomeFolder } = target.source
  const folder = await tagFolderOf(genomeFolder, entry)
  const unbuilt = await whyUnbuilt(folder)
  if (unbuilt !== undefined) throw new AssetIncomplete(registryPathOf(entry), unbuilt)
  const place = { folder, genomeFolder }
  const tree = await soundTree(entry, place)
  const buildFolder = join(folder, '_refgenie_build')
  return { entry, place, tree, buildFolder, replaces: [], removals: [] }
}

/**
 * What a folder holds, when a tag can be packed of it.
 *
 * @throws AssetIncomplete, SourceRefused
 */
export async function soundTree(entry: CatalogueEntry, place: TreePlace): Promise<SourceTree> {
  const tree = await readSourceTree(place)
  const reason = whyIncomplete(entry, tree) ?? whyNamesClash(entry, tree)
  if (reason !== undefined) throw new AssetIncomplete(registryPathOf(entry), reason)
  return tree
}

/** Two files must not become one when the digest in their names is replaced. */
function whyNamesClash({ genome }: CatalogueEntry, tree: SourceTree): string | undefined {
  for (const alias of genome.aliases) {
    const seen = new Map<string, string>()
    for (const { path } of tree.entries) {
      const name = nameIn({ root: '', genomeName: alias }, genome.digest, path)
      const other = seen.get(name)
      if (other !== undefined)
        return `${other} and ${path} would both be called ${name} under the alias ${alias}; rename one`
      seen.set(name, path)
    }
  }
  return undefined
}
