/** Fetches all files of an archived tag of another server into a folder, compared with their digests; a later run goes on with what is there. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type MemberIndex, parseIndex } from '../archive/member-index.ts'
import { filesOfTag, type TagFile } from '../archive/tag-files.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { downloadFile } from '../transfer/download-file.ts'
import type { RemoteFile } from '../transfer/remote-file.ts'
import type { TransferOptions } from '../transfer/transfer-options.ts'
import { archiveSize } from './refgenieserver-catalogue.ts'
import type { RemoteSource } from './remote-source.ts'
import { orMissing } from './server-genomes.ts'

/** A file of a tag that was fetched. */
interface FetchedFile extends TagFile {
  /** Absolute path. */
  readonly path: string
}

/** All files of a tag. */
export interface FetchedTag {
  readonly entry: CatalogueEntry
  /** Absolute path of the folder that has them and nothing else. */
  readonly folder: string
  readonly files: readonly FetchedFile[]
  /** Undefined for archives of other tools. */
  readonly index?: MemberIndex
  /** Bytes of archives that came over the network. */
  readonly received: number
}

/**
 * Fetches the files of a tag.
 *
 * @param folder - absolute path of a folder for this tag and archive alone
 * @throws RemoteFailed, DigestMismatch, StorageWriteFailed, DiskFull
 */
export async function fetchTag(
  source: RemoteSource,
  entry: CatalogueEntry,
  folder: string,
  transfer: TransferOptions,
): Promise<FetchedTag> {
  await mkdir(folder, { recursive: true })
  const order = { source, entry, folder, transfer }
  const index = await fetchIndex(order)
  const files: FetchedFile[] = []
  let received = 0
  for (const file of filesOfTag(entry)) {
    const path = join(folder, file.published.replaceAll('/', '_'))
    const bytes = await fetchFile(order, file, path, index)
    if (bytes === undefined) continue
    received += bytes
    files.push({ ...file, path })
  }
  return { entry, folder, files, received, ...(index && { index: index.value }) }
}

/** Bytes of the archive that came; undefined when there is no such file. */
async function fetchFile(
  order: Order,
  file: TagFile,
  path: string,
  index: FoundIndex | undefined,
): Promise<number | undefined> {
  if (file.kind === 'archive') return fetchArchive(order, file, path, index)
  // With an index every alias-named archive is made of the stored one.
  if (file.kind === 'legacy') {
    return index === undefined ? fetchArchive(order, file, path, undefined) : undefined
  }
  const isIndex = file.kind === 'index'
  const content = isIndex ? index?.text : await smallAt(order, file.published)
  if (content === undefined) return undefined
  await writeFile(path, content, { flush: true })
  return 0
}

interface Order {
  readonly source: RemoteSource
  readonly entry: CatalogueEntry
  readonly folder: string
  readonly transfer: TransferOptions
}

interface FoundIndex {
  readonly value: MemberIndex
  readonly text: Buffer
}

/** The member index; undefined at refgenieserver, and for archives of other tools. */
async function fetchIndex(order: Order): Promise<FoundIndex | undefined> {
  const { entry } = order
  const file = filesOfTag(entry).find(({ kind }) => kind === 'index')
  const text = file && (await smallAt(order, file.published))
  const value = text && parseIndex(text.toString('utf8'))
  if (text === undefined || value === undefined) return undefined
  if (value.archive.md5 === entry.tag.archiveDigest) return { value, text }
  const path = registryPathOf(entry)
  throw new DigestMismatch(`${path}: its index is the one of another archive; try again`)
}

/** Fetches an archive unless it is there; answers the bytes that came. */
async function fetchArchive(
  { source, entry, transfer }: Order,
  { kind, published }: TagFile,
  path: string,
  index: FoundIndex | undefined,
): Promise<number> {
  // Under its name it is whole: it was compared before it got it.
  if ((await stat(path).catch(() => undefined)) !== undefined) return 0
  const url = source.urls.get(published) as string
  const { tag } = entry
  const md5 = kind === 'legacy' ? tag.legacyArchiveDigest : tag.archiveDigest
  const known = index?.value.archive
  const file: RemoteFile = {
    subject: `${registryPathOf(entry)}${kind === 'legacy' ? ' (API v2)' : ''}`,
    size: known?.size ?? (await archiveSize(transfer.network, url)),
    digests: { md5, ...(known && { sha256: known.sha256 }) },
    ...(known && { parts: { size: known.chunk_size, sha256: known.chunks } }),
    // By its digest it is found also when the tag has another archive by now.
    urls: known === undefined ? [url] : [url, `${source.server}/archives/${md5}`],
  }
  return (await downloadFile(file, path, transfer)).received
}

function smallAt({ source, transfer }: Order, key: string): Promise<Buffer | undefined> {
  const { network, signal } = transfer
  return orMissing(network.bytes(source.urls.get(key) as string, { ...(signal && { signal }) }))
}
