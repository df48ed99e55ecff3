/** Manifests of what is in an archive folder. */
import { type ArchivesAt, findArchive, indexBeside } from '../archive/archives-at.ts'
import { Catalogue, type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { ArchiveMissing, NotInCatalogue } from '../domain/errors.ts'
import { defaultTagOf, type Genome } from '../domain/genome.ts'
import {
  asksForLists,
  type ChosenArchive,
  inOrderOfPaths,
  type MadeManifest,
  type ManifestRequest,
  manifestOfArchives,
  pathOfTag,
} from './manifest-request.ts'

/**
 * The manifest of what is asked for. It names no addresses: the folder does not know where it is served.
 *
 * @throws NotInCatalogue; ArchiveMissing when a file is not there; ManifestInvalid, StorageFailed
 */
export async function localManifest(
  genomes: readonly Genome[],
  at: ArchivesAt,
  request: ManifestRequest,
): Promise<MadeManifest> {
  const catalogue = new Catalogue({ genomes })
  const listed = asksForLists(request)
    ? inOrderOfPaths([...catalogue.entries()].filter(entry => isAsked(entry, request)))
    : []
  const chosen: ChosenArchive[] = []
  for (const entry of [...request.names.map(name => entryNamed(catalogue, name)), ...listed]) {
    chosen.push(await archiveOf(at, entry, request.withPieces))
  }
  return manifestOfArchives(chosen)
}

function entryNamed(catalogue: Catalogue, name: string): CatalogueEntry {
  const entry = catalogue.resolve(name) ?? catalogue.archive(name)
  if (entry !== undefined) return entry
  const message = `there is no ${name} in the archive folder; see \`refdepot archive list\``
  throw new NotInCatalogue('unknown-asset', name, message)
}

function isAsked({ genome, asset, tag }: CatalogueEntry, request: ManifestRequest): boolean {
  const { genomes, assets, allTags } = request
  const names = [genome.digest, ...genome.aliases]
  if (genomes.length > 0 && !genomes.some(name => names.includes(name))) return false
  if (assets.length > 0 && !assets.includes(asset.name)) return false
  return allTags || tag.name === defaultTagOf(asset)
}

/** What config, file and index say; an archive of other tools has no sha256 that could be read somewhere. */
async function archiveOf(
  at: ArchivesAt,
  entry: CatalogueEntry,
  withPieces: boolean,
): Promise<ChosenArchive> {
  const found = await findArchive(at, entry)
  if (found === undefined) throw new ArchiveMissing(registryPathOf(entry))
  const { tag } = entry
  const index = (await indexBeside(at, found))?.archive
  const isOwn = index?.md5 === tag.archiveDigest
  return {
    registryPath: pathOfTag(entry),
    md5: tag.archiveDigest,
    ...(isOwn && { sha256: index.sha256 }),
    size: found.identity.size,
    urls: [],
    ...(isOwn && withPieces && { pieces: { length: index.chunk_size, sha256: index.chunks } }),
  }
}
