/**
 * `sync`: a folder with exactly what a lock names, whatever the servers call it by now. Archives are asked for by digest; what a server says of their
 * content counts only when it is what the lock says.
 */
import { join } from 'node:path'
import { NotInCatalogue } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { DigestMismatch, RemoteFailed } from '../domain/transfer-errors.ts'
import { hashFile } from '../transfer/hash-file.ts'
import type { Network } from '../transfer/network.ts'
import { filesOfFolder } from './folder-files.ts'
import { contentsDigest, type LockedAsset } from './lock-file.ts'
import { type PullOptions, pullAssets } from './pull.ts'
import type { PullSummary } from './pull-events.ts'
import type { Fill, FilledFile, Placed, PullTarget } from './pull-target.ts'
import { archiveSize } from './refgenieserver-catalogue.ts'
import type { RemoteAsset } from './remote-asset.ts'
import { orMissing } from './server-genomes.ts'

/** How a lock is followed. */
export interface SyncOptions extends PullOptions {
  /** Addresses, the one to prefer first. */
  readonly servers: readonly string[]
}

const PARALLEL = 8

/**
 * Pulls what a lock names and the folder does not have.
 *
 * @throws NotInCatalogue naming the first digest that no server has any more, RemoteFailed, and what {@link pullAssets} throws: nothing is fetched
 *   then
 */
export async function syncLock(
  assets: readonly LockedAsset[],
  options: SyncOptions,
): Promise<PullSummary> {
  const { target, servers, network } = options
  const found = new Array<RemoteAsset>(assets.length)
  await inParallel([...assets.entries()], PARALLEL, async ([i, locked]) => {
    const asset = { ...assetOf(locked, servers), parentDigests: parentsIn(assets, locked) }
    const isHere = options.force !== true && (await target.find(asset)) !== undefined
    found[i] = isHere ? asset : await located(locked, asset, servers, network)
  })
  const contents = new Map(found.map((asset, i) => [asset, assets[i]?.contents]))
  const guarded = new LockedTarget(target, asset => contents.get(asset))
  return pullAssets(
    found.map(asset => ({ asset })),
    { ...options, target: guarded },
  )
}

/** An asset as the lock tells of it. */
function assetOf(locked: LockedAsset, servers: readonly string[]): RemoteAsset {
  const { registry_path, genome, asset, tag, default_tag, attributes, archive } = locked
  const { sha256 } = archive
  return {
    server: servers[0] ?? '',
    registryPath: registry_path,
    genome,
    asset: { name: asset, defaultTag: default_tag },
    tag,
    attributes: { ...attributes, archive_digest: archive.md5 },
    archive: {
      md5: archive.md5,
      ...(sha256 !== undefined && { sha256 }),
      size: archive.size,
      indexed: false,
      urls: [],
    },
  }
}

/** Asset digests of the parents that are in the lock too: then it does not matter which of them comes first. */
function parentsIn(
  assets: readonly LockedAsset[],
  { attributes }: LockedAsset,
): Record<string, string> {
  const parents = new Set(attributes.asset_parents ?? [])
  return Object.fromEntries(
    assets.flatMap(({ genome, asset, tag, attributes: { asset_digest } }) => {
      const path = `${genome.digest}/${asset}:${tag}`
      return asset_digest !== undefined && parents.has(path) ? [[path, asset_digest]] : []
    }),
  )
}

/** The asset with the addresses of its archive; servers of which one does not answer are passed over while another has it. */
async function located(
  locked: LockedAsset,
  asset: RemoteAsset,
  servers: readonly string[],
  network: Network,
): Promise<RemoteAsset> {
  const urls: string[] = []
  const depots: string[] = []
  const failures: unknown[] = []
  for (const server of servers) {
    try {
      const byDigest = `${server}/archives/${locked.archive.md5}`
      const isThere = (await sizeOrGone(network, byDigest)) === locked.archive.size
      if (isThere) depots.push(server)
      const byName = nameUrl(server, locked)
      const url = isThere ? byDigest : byName
      if (isThere || (await sizeOrGone(network, byName)) === locked.archive.size) urls.push(url)
    } catch (error) {
      if (!(error instanceof RemoteFailed)) throw error
      failures.push(error)
    }
  }
  if (urls.length > 0) {
    const [server = asset.server] = depots
    return { ...asset, server, archive: { ...asset.archive, indexed: depots.length > 0, urls } }
  }
  // A server that did not answer may have it.
  if (failures.length > 0) throw failures[0]
  const { md5 } = locked.archive
  throw new NotInCatalogue(
    'unknown-archive',
    md5,
    `the archive ${md5} of ${locked.registry_path} is gone: no server has it any more (asked: ${servers.join(', ')})`,
  )
}

function nameUrl(server: string, { genome, asset, tag }: LockedAsset): string {
  const path = [genome.digest, asset].map(encodeURIComponent).join('/')
  return `${server}/v3/assets/archive/${path}?tag=${encodeURIComponent(tag)}`
}

/** Bytes of an archive there; undefined when there is none, also when it was withdrawn or repacked. */
async function sizeOrGone(network: Network, url: string): Promise<number | undefined> {
  try {
    return await orMissing(archiveSize(network, url))
  } catch (error) {
    if (error instanceof RemoteFailed && error.fault === 'gone') return undefined
    throw error
  }
}

/** A target into which only the files of the lock get. */
class LockedTarget implements PullTarget {
  readonly #target: PullTarget
  readonly #contentsOf: (asset: RemoteAsset) => string | undefined

  constructor(target: PullTarget, contentsOf: (asset: RemoteAsset) => string | undefined) {
    this.#target = target
    this.#contentsOf = contentsOf
  }

  find(asset: RemoteAsset): Promise<string | undefined> {
    return this.#target.find(asset)
  }

  mustAccept(asset: RemoteAsset): Promise<void> {
    return this.#target.mustAccept(asset)
  }

  mustDiffer(assets: readonly RemoteAsset[]): void {
    this.#target.mustDiffer(assets)
  }

  linkOutside(asset: RemoteAsset, path: string, target: string): string | undefined {
    return this.#target.linkOutside(asset, path, target)
  }

  place(asset: RemoteAsset, fill: Fill): Promise<Placed> {
    return this.#target.place(asset, async (staging, note) => {
      await fill(staging, () => {})
      // Read again: who lies about an archive in its index may have put the right bytes into the wrong files.
      const files = await hashed(staging)
      const contents = this.#contentsOf(asset)
      const found = contentsDigest(files)
      if (contents !== undefined && contents !== found) {
        throw new DigestMismatch(
          `${asset.registryPath}: the files of ${asset.server} have the digest ${found}, the lock says ${contents}`,
        )
      }
      note(files)
    })
  }
}

/** The regular files below a folder with their digests. */
async function hashed(folder: string): Promise<FilledFile[]> {
  const files: FilledFile[] = []
  for (const { path } of await filesOfFolder(folder)) {
    files.push({ path, sha256: await hashFile(join(folder, path), 'sha256') })
  }
  return files
}
