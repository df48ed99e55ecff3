/** One address by which anybody can fetch an archive, or a file out of it: the lasting one when it is open, else a link that works for a while. */
import { NotInCatalogue } from '../domain/errors.ts'
import { formatSize } from '../domain/human-size.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import type { Network } from '../transfer/network.ts'
import { discard, refusalOf } from '../transfer/network-answer.ts'
import { notUnderstood } from './answer-shape.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { RemoteCatalogue } from './remote-catalogue.ts'
import { orMissing } from './server-genomes.ts'

/** An address, and what to know of it. */
export interface ArchiveLink {
  readonly url: string
  /** One line for people. */
  readonly note: string
  /** ISO time; undefined for an address that lasts. */
  readonly expiresAt?: string
}

/** How a link is made. */
export interface LinkOptions {
  readonly network: Network
  /** How long a short-lived link shall work, such as `15m`; the server decides without. */
  readonly expires?: string
}

/**
 * The address of what a registry path or digest names: with a seek key a file, else the archive.
 *
 * @throws NotInCatalogue, RemoteFailed
 */
export async function archiveLink(
  catalogue: RemoteCatalogue,
  name: string,
  options: LinkOptions,
): Promise<ArchiveLink> {
  const asset = await catalogue.resolve(name)
  const seekKey = parseRegistryPath(name)?.seekKey
  const file = seekKey === undefined ? undefined : fileOf(asset, seekKey)
  const lasting = file === undefined ? (asset.archive.urls[0] as string) : fileUrl(asset, file)
  const what = `${asset.registryPath}${file === undefined ? '' : ` ${file}`}`
  const size =
    file === undefined ? `, ${formatSize(asset.archive.size)}, md5 ${asset.archive.md5}` : ''
  if (await isOpen(options.network, lasting)) return { url: lasting, note: `${what}${size}` }
  const { url, expires_at: expiresAt } = await shortLink(asset, file, options)
  return { url, expiresAt, note: `${what}${size}; works until ${expiresAt}, keep it to yourself` }
}

function fileOf(asset: RemoteAsset, seekKey: string): string {
  const seekKeys = asset.attributes.seek_keys ?? {}
  const path = Object.hasOwn(seekKeys, seekKey) ? (seekKeys[seekKey] as string) : undefined
  if (path !== undefined && path !== '.') return path
  const names = Object.keys(seekKeys).join(', ')
  const message = `${asset.registryPath} has no file with the seek key ${seekKey}; it has ${names}`
  throw new NotInCatalogue('unknown-seek-key', seekKey, message)
}

function fileUrl({ server, genome, asset, tag }: RemoteAsset, path: string): string {
  const file = path.split('/').map(encodeURIComponent).join('/')
  return `${server}/${genome.digest}/assets/${encodeURIComponent(asset.name)}/files/${file}?tag=${encodeURIComponent(tag)}`
}

/** True when it is answered without any credentials. */
async function isOpen(network: Network, url: string): Promise<boolean> {
  return network.again(async () => {
    const headers = { range: 'bytes=0-0' }
    const answer = await network.request(url, { headers, authorized: false })
    const { status } = answer
    // 503: a server that still computes digests does not tell whether it has what a caller may not see.
    if (status === 429 || (status >= 500 && status !== 503)) throw await refusalOf(answer)
    await discard(answer.body)
    return status === 200 || status === 206
  })
}

async function shortLink(
  { server, genome, asset, tag, registryPath }: RemoteAsset,
  file: string | undefined,
  { network, expires }: LinkOptions,
): Promise<{ url: string; expires_at: string }> {
  const query = new URLSearchParams({ tag })
  if (file !== undefined) query.set('file', file)
  if (expires !== undefined) query.set('expires', expires)
  const at = `${server}/${genome.digest}/assets/${encodeURIComponent(asset.name)}/url?${query}`
  const link = await orMissing(network.json<{ url?: unknown; expires_at?: unknown }>(at))
  if (link === undefined) {
    const what = file === undefined ? 'archive' : `file ${file}`
    const message = `${server} gives no address for the ${what} of ${registryPath}`
    throw new NotInCatalogue('unknown-file', registryPath, message)
  }
  const { url, expires_at } = link
  if (typeof url === 'string' && /^https?:\/\/\S+$/.test(url))
    return { url, expires_at: String(expires_at) }
  throw notUnderstood(at, 'no link')
}
