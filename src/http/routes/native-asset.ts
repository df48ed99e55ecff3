/** What the native routes share: finding the tag that a URL names, and its JSON. */
import type { FastifyRequest } from 'fastify'
import { type CatalogueEntry, registryPathOf } from '../../domain/catalogue.ts'
import { InvalidParameter, NotInCatalogue } from '../../domain/errors.ts'
import { defaultTagOf, type Genome, tagNamed } from '../../domain/genome.ts'
import { parseSize } from '../../domain/human-size.ts'
import { mayRedistribute, provenanceOf } from '../../domain/provenance.ts'
import { isReserved } from '../../domain/reserved-words.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import { assetPath, genomePath } from '../pages/links.ts'
import { refuseWithdrawn } from '../withdrawn.ts'

/**
 * The genome of a native URL: an alias or any of its digests. Reserved words name fixed paths, never a genome.
 *
 * @throws NotInCatalogue
 */
export function nativeGenome(generation: VisibleGeneration, name: string): Genome {
  const genome = isReserved(name) ? undefined : generation.catalogue.genome(name)
  if (genome !== undefined) return genome
  const message = isReserved(name) ? 'Not Found' : `there is no genome '${name}' here; see /genomes`
  throw new NotInCatalogue('unknown-genome', name, message)
}

/**
 * The tag that `/{genome}/assets/{asset}` names, with `asset:tag` or `?tag=`.
 *
 * @throws NotInCatalogue; TagWithdrawn; InvalidParameter when two different tags are named
 */
export function nativeEntry(
  generation: VisibleGeneration,
  request: FastifyRequest,
): CatalogueEntry {
  const { genome: genomeName, asset: typed } = request.params as { genome: string; asset: string }
  const colon = typed.indexOf(':')
  const assetName = colon === -1 ? typed : typed.slice(0, colon)
  const inPath = colon === -1 ? undefined : typed.slice(colon + 1)
  const inQuery = [(request.query as { tag?: string | string[] }).tag].flat().at(-1)
  if (inPath !== undefined && inQuery !== undefined && inPath !== inQuery) {
    const message = `the path names tag '${inPath}', the query tag '${inQuery}'; give one`
    throw new InvalidParameter('tag', message)
  }
  if (!isReserved(genomeName)) {
    refuseWithdrawn(generation, genomeName, assetName, inPath ?? inQuery)
  }
  const genome = nativeGenome(generation, genomeName)
  const asset = genome.assets.get(assetName)
  if (asset === undefined) {
    const names = [...genome.assets.keys()].join(', ')
    const message = `genome ${genomeName} has no asset '${assetName}' here; it has ${names}`
    throw new NotInCatalogue('unknown-asset', assetName, message)
  }
  const tagName = inPath ?? inQuery ?? defaultTagOf(asset)
  const tag = tagNamed(asset, tagName)
  if (tag === undefined) {
    const names = [...asset.tags.keys()].join(', ')
    const message = `${genomeName}/${assetName} has no tag '${tagName}' here; it has ${names}`
    throw new NotInCatalogue('unknown-tag', tagName, message)
  }
  return { genome, asset, tag }
}

/** The JSON of a genome. */
export function genomeRecord(genome: Genome, absolute: (path: string) => string): object {
  let archives = 0
  for (const asset of genome.assets.values()) archives += asset.tags.size
  return {
    digest: genome.digest,
    aliases: genome.aliases,
    description: genome.description ?? null,
    asset_count: genome.assets.size,
    archive_count: archives,
    assets_url: absolute(`${genomePath(genome).replace('/genomes/', '/')}/assets`),
  }
}

/** The JSON of a tag; bytes and time come from the file. */
export async function assetRecord(
  { folder }: VisibleGeneration,
  entry: CatalogueEntry,
  absolute: (path: string) => string,
): Promise<object> {
  const { genome, asset, tag } = entry
  const { file, known } = await folder.facts(entry)
  const said = provenanceOf(entry)
  return {
    registry_path: registryPathOf(entry),
    genome: { digest: genome.digest, aliases: genome.aliases },
    asset: asset.name,
    tag: tag.name,
    is_default: defaultTagOf(asset) === tag.name,
    description: asset.description ?? null,
    asset_digest: tag.assetDigest,
    asset_size: tag.assetSize,
    asset_bytes: parseSize(tag.assetSize) ?? null,
    archive: {
      md5: tag.archiveDigest,
      sha256: known?.sha256 ?? null,
      size: tag.archiveSize,
      bytes: file?.size ?? null,
      modified: file === undefined ? null : new Date(file.modifiedMs).toISOString(),
      url: absolute(assetPath(entry, '/archive')),
    },
    licence: said.licence ?? null,
    redistribute: mayRedistribute(said) ?? null,
    source: said.source ?? null,
    release: said.release ?? null,
    accession: said.accession ?? null,
    citation: said.citation ?? null,
    seek_keys: tag.seekKeys,
    parents: tag.parents,
    children: tag.children,
  }
}
