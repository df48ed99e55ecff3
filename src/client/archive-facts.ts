/** What is fetched before an archive: its index and the hashes of its parts, from the server that is believed. */
import { type MemberIndex, parseIndex } from '../archive/member-index.ts'
import { isSha256 } from '../domain/digest.ts'
import type { Network } from '../transfer/network.ts'
import type { PartHashes, RemoteFile } from '../transfer/remote-file.ts'
import { notUnderstood } from './answer-shape.ts'
import type { RemoteAsset } from './remote-asset.ts'
import { orMissing } from './server-genomes.ts'

/**
 * The member index of an archive; undefined for archives of other tools.
 *
 * @throws RemoteFailed, also when it is the index of another archive
 */
export async function indexOf(
  asset: RemoteAsset,
  network: Network,
  signal?: AbortSignal,
): Promise<MemberIndex | undefined> {
  if (!asset.archive.indexed) return undefined
  const url = `${asset.server}/archives/${asset.archive.md5}/index`
  const content = await orMissing(network.bytes(url, orderOf(signal)))
  if (content === undefined) return undefined
  const index = parseIndex(content.toString('utf8'))
  if (index === undefined) throw notUnderstood(url, 'what is no index of an archive')
  const { md5, size } = index.archive
  if (md5 === asset.archive.md5 && size === asset.archive.size) return index
  throw notUnderstood(url, 'the index of another archive')
}

/** What the engine needs to know of the archive of an asset, with what its index tells. */
export function archiveFile(asset: RemoteAsset, index?: MemberIndex): RemoteFile {
  const { md5, size, urls } = asset.archive
  const sha256 = asset.archive.sha256 ?? index?.archive.sha256
  return {
    subject: asset.registryPath,
    size,
    digests: { md5, ...(sha256 !== undefined && { sha256 }) },
    ...(index !== undefined && {
      parts: { size: index.archive.chunk_size, sha256: index.archive.chunks },
    }),
    urls,
  }
}

/**
 * The archive of an asset with the hashes of its parts, where the server tells them: much less than a whole index.
 *
 * @throws RemoteFailed
 */
export async function archiveFileWithParts(
  asset: RemoteAsset,
  network: Network,
  signal?: AbortSignal,
): Promise<RemoteFile> {
  const told = await partsOf(asset, network, signal)
  const file = archiveFile(asset)
  // Who tells no parts has no index either: both are made of the same.
  if (told === undefined) return file
  return { ...file, digests: { ...file.digests, sha256: told.sha256 }, parts: told.parts }
}

/** An answer of `/archives/{md5}/parts`. */
interface PartsAnswer {
  readonly sha256: string
  readonly size: number
  readonly part_size: number
  readonly parts: readonly { readonly sha256: string }[]
}

async function partsOf(
  asset: RemoteAsset,
  network: Network,
  signal: AbortSignal | undefined,
): Promise<{ sha256: string; parts: PartHashes } | undefined> {
  if (!asset.archive.indexed) return undefined
  const { size } = asset.archive
  const url = `${asset.server}/archives/${asset.archive.md5}/parts`
  const answer = await orMissing(network.json<PartsAnswer>(url, orderOf(signal)))
  if (answer === undefined) return undefined
  const sha256 = Array.isArray(answer.parts) ? answer.parts.map(part => String(part?.sha256)) : []
  const isWhole = sha256.length === Math.ceil(size / answer.part_size)
  const isSound = isWhole && [answer.sha256, ...sha256].every(isSha256)
  if (answer.size === size && isSound) {
    return { sha256: answer.sha256, parts: { size: answer.part_size, sha256 } }
  }
  throw notUnderstood(url, 'what are no parts of this archive')
}

function orderOf(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { signal }
}
