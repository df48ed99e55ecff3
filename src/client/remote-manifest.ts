/** Manifests of what servers have. */
import { inParallel } from '../domain/in-parallel.ts'
import type { FilePieces } from '../domain/metalink.ts'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'
import {
  asksForLists,
  type ChosenArchive,
  inOrderOfPaths,
  type MadeManifest,
  type ManifestRequest,
  manifestOfArchives,
  pathOfTag,
} from './manifest-request.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { RemoteCatalogue } from './remote-catalogue.ts'
import type { ListedAsset } from './server-catalogue.ts'

// Look-ups under way: a server answers thousands a second.
const PARALLEL = 16

/**
 * The manifest of what is asked for.
 *
 * @throws NotInCatalogue, RemoteFailed, PullRefused for a name that is no registry path; ManifestInvalid
 */
export async function remoteManifest(
  catalogue: RemoteCatalogue,
  network: Network,
  request: ManifestRequest,
): Promise<MadeManifest> {
  const { names } = request
  const listed = asksForLists(request) ? await listedOf(catalogue, request) : []
  const work: (() => Promise<ChosenArchive>)[] = [
    ...names.map(name => async () => ofAsset(await catalogue.resolve(name))),
    ...listed.map(one => () => ofListed(catalogue, one)),
  ]
  const found: ChosenArchive[] = []
  await inParallel([...work.entries()], PARALLEL, async ([i, make]) => {
    const archive = await make()
    const pieces = request.withPieces ? await piecesOf(network, archive.urls) : undefined
    found[i] = { ...archive, ...(pieces && { pieces }) }
  })
  return manifestOfArchives(found)
}

async function listedOf(
  catalogue: RemoteCatalogue,
  { genomes, assets, allTags }: ManifestRequest,
): Promise<ListedAsset[]> {
  const found: ListedAsset[] = []
  const among = (names: readonly string[]) => (names.length === 0 ? [undefined] : names)
  for (const genome of among(genomes)) {
    for (const asset of among(assets)) {
      const query = {
        ...(genome !== undefined && { genome }),
        ...(asset !== undefined && { asset }),
      }
      for await (const one of catalogue.list(query)) if (allTags || one.isDefault) found.push(one)
    }
  }
  return inOrderOfPaths(found)
}

/** Lists of refdepot tell everything; of others the archive itself must be asked. */
async function ofListed(catalogue: RemoteCatalogue, listed: ListedAsset): Promise<ChosenArchive> {
  const { server, genome, asset, tag } = listed
  const { md5, sha256, size } = listed.archive
  if (size === undefined) {
    const name = genome.aliases[0] ?? genome.digest
    return ofAsset(await catalogue.resolve({ genome: name, asset, tag }))
  }
  const urls = [`${server}/archives/${md5}`]
  return { registryPath: pathOfTag(listed), md5, sha256, size, urls }
}

function ofAsset(asset: RemoteAsset): ChosenArchive {
  const { md5, sha256, size, urls } = asset.archive
  return { registryPath: pathOfTag(asset), md5, sha256, size, urls }
}

interface PartsAnswer {
  readonly part_size?: unknown
  readonly parts?: readonly { readonly sha256?: unknown }[]
}

/** Hashes of the pieces of an archive, from the server that has it; undefined where it tells none. */
async function piecesOf(
  network: Network,
  [url = '']: readonly string[],
): Promise<FilePieces | undefined> {
  if (!/\/archives\/[0-9a-f]+$/.test(url)) return undefined
  try {
    const { part_size: length, parts = [] } = await network.json<PartsAnswer>(`${url}/parts`)
    const sha256 = parts.map(part => String(part.sha256))
    const isSound =
      Number.isSafeInteger(length) && sha256.every(hash => /^[0-9a-f]{64}$/.test(hash))
    if (isSound) return { length: length as number, sha256 }
    throw new RemoteFailed('answer', `${url}/parts answers no hashes of parts`)
  } catch (error) {
    // Archives of other tools have none.
    if (error instanceof RemoteFailed && error.fault === 'not-found') return undefined
    throw error
  }
}
