/** From what somebody asks for to the assets that are meant: all of them are known before a byte of any is fetched. */
import { NotInCatalogue, RefdepotError } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { ManifestRow } from '../domain/manifest-row.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { UsageInvalid } from '../domain/transfer-errors.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { RemoteCatalogue } from './remote-catalogue.ts'
import type { AssetName } from './server-catalogue.ts'

/** What is asked for; at least something of it. */
export interface WantedAssets {
  /** Registry paths (with a seek key: that file alone), and digests of archives or assets. */
  readonly names?: readonly string[]
  /** Every asset of these genomes, of each the default tag; with {@link assets} only those. */
  readonly genomes?: readonly string[]
  /** These assets; of every genome when no genome is named. */
  readonly assets?: readonly string[]
  /** Rows of a manifest. */
  readonly rows?: readonly ManifestRow[]
}

/** An asset to pull. */
export interface PullItem {
  readonly asset: RemoteAsset
  /** Seek keys and paths of the only files that are wanted. */
  readonly only?: readonly string[]
}

interface Wanted {
  readonly name: string | AssetName
  readonly row?: ManifestRow
  readonly only?: readonly string[]
}

// Look-ups under way: a server answers thousands a second.
const PARALLEL = 16
// More failures than this nobody reads.
const MOST_TOLD = 20

/**
 * The assets, each once, in the order in which they were asked for.
 *
 * @param onLookedUp - told how far it is
 * @throws UsageInvalid when nothing is asked for; what {@link RemoteCatalogue.resolve} throws, one error for all that is missing
 */
export async function findWanted(
  catalogue: RemoteCatalogue,
  request: WantedAssets,
  onLookedUp: (done: number, total: number) => void = () => {},
): Promise<PullItem[]> {
  const wanted = await expanded(catalogue, request)
  if (wanted.length === 0) {
    throw new UsageInvalid(
      'nothing is asked for; give registry paths, --genome, --asset or --manifest',
    )
  }
  await catalogue.prepare(wanted.map(({ name }) => name))
  const found = new Array<PullItem | undefined>(wanted.length)
  const failures: RefdepotError[] = []
  let done = 0
  await inParallel([...wanted.entries()], PARALLEL, async ([place, one]) => {
    if (failures.length >= MOST_TOLD) return
    try {
      found[place] = { asset: await resolved(catalogue, one), ...(one.only && { only: one.only }) }
    } catch (error) {
      if (!(error instanceof RefdepotError)) throw error
      failures.push(error)
    }
    done += 1
    onLookedUp(done, wanted.length)
  })
  const [first] = failures
  if (first !== undefined) throw asOne(first, failures)
  return withoutRepeats(found as PullItem[])
}

async function expanded(catalogue: RemoteCatalogue, request: WantedAssets): Promise<Wanted[]> {
  const { names = [], genomes = [], assets = [], rows = [] } = request
  const wanted: Wanted[] = names.map(name => {
    const seekKey = parseRegistryPath(name)?.seekKey
    return { name, ...(seekKey !== undefined && { only: [seekKey] }) }
  })
  for (const row of rows) wanted.push({ name: nameOf(row), row })
  if (genomes.length > 0 && assets.length > 0) {
    for (const genome of genomes)
      for (const asset of assets) wanted.push({ name: { genome, asset } })
    return wanted
  }
  for (const genome of genomes) wanted.push(...(await listed(catalogue, { genome })))
  for (const asset of assets) wanted.push(...(await listed(catalogue, { asset })))
  return wanted
}

/** The default tags of everything that a genome has, or of an asset in every genome. */
async function listed(
  catalogue: RemoteCatalogue,
  query: { genome?: string; asset?: string },
): Promise<Wanted[]> {
  const wanted: Wanted[] = []
  for await (const { genome, asset, tag, isDefault } of catalogue.list(query)) {
    const name = query.genome ?? genome.aliases[0] ?? genome.digest
    if (isDefault) wanted.push({ name: { genome: name, asset, tag } })
  }
  if (wanted.length > 0) return wanted
  const asked = query.genome ?? query.asset ?? ''
  throw new NotInCatalogue('unknown-asset', asked, `no server has any asset of ${asked}`)
}

function nameOf(row: ManifestRow): string {
  return row.registryPath ?? digestOf(row)
}

/** A row has one of the two. */
function digestOf({ md5, sha256 }: ManifestRow): string {
  return md5 ?? (sha256 as string)
}

async function resolved(catalogue: RemoteCatalogue, { name, row }: Wanted): Promise<RemoteAsset> {
  if (row === undefined) return catalogue.resolve(name)
  const asset = await byRow(catalogue, row)
  const { sha256 = row.sha256 } = asset.archive
  return {
    ...asset,
    ...(row.registryPath !== undefined && { registryPath: withTag(row.registryPath, asset.tag) }),
    archive: {
      ...asset.archive,
      ...(sha256 !== undefined && { sha256 }),
      urls: [...new Set([...asset.archive.urls, ...row.urls])],
    },
  }
}

/** A manifest means the archive with its digest: a name may have got other content since. */
async function byRow(catalogue: RemoteCatalogue, row: ManifestRow): Promise<RemoteAsset> {
  const named = await catalogue.resolve(nameOf(row))
  if (isSame(named, row)) return named
  const found = await catalogue.resolve(digestOf(row)).catch(error => {
    if (error instanceof NotInCatalogue) return undefined
    throw error
  })
  if (found !== undefined && isSame(found, row)) return found
  throw new NotInCatalogue(
    'unknown-archive',
    nameOf(row),
    `the manifest wants ${nameOf(row)} with the digest ${digestOf(row)}; ${named.server} has ${named.archive.md5} under that name, and no server has the other`,
  )
}

/** True unless a digest differs that both tell. */
function isSame({ archive }: RemoteAsset, { md5, sha256 }: ManifestRow): boolean {
  const differs = (a: string | undefined, b: string | undefined) =>
    a !== undefined && b !== undefined && a !== b
  return !differs(archive.md5, md5) && !differs(archive.sha256, sha256)
}

function withTag(registryPath: string, tag: string): string {
  return parseRegistryPath(registryPath)?.tag === undefined
    ? `${registryPath}:${tag}`
    : registryPath
}

/** What is asked for twice, also by two names of its genome, is pulled once. */
function withoutRepeats(items: readonly PullItem[]): PullItem[] {
  const seen = new Set<string>()
  return items.filter(({ asset, only = [] }) => {
    const { genome, tag, archive } = asset
    const key = [genome.digest, asset.asset.name, tag, archive.md5, ...only].join('\n')
    return seen.size < seen.add(key).size
  })
}

function asOne(first: RefdepotError, failures: readonly RefdepotError[]): RefdepotError {
  if (failures.length === 1) return first
  const more = failures.length >= MOST_TOLD ? '\n…' : ''
  first.message = failures.map(({ message }) => message).join('\n') + more
  return first
}
