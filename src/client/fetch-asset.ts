/** Fetches one asset into the place where it is made ready: unpacked, or its archive as it is. */
import { filesOf } from '../archive/member-index.ts'
import { downloadFile } from '../transfer/download-file.ts'
import type { OutsideLink } from '../transfer/extract-tar.ts'
import type { TransferOptions, TransferSummary } from '../transfer/transfer-options.ts'
import { unpackArchive } from '../transfer/unpack-archive.ts'
import { archiveFile, archiveFileWithParts, indexOf } from './archive-facts.ts'
import type { FilledFile } from './pull-target.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** How it is fetched. */
export interface FetchOptions extends TransferOptions {
  /** True: the archive as it is. */
  readonly archive: boolean
  /** Where links that lead out of an archive of another tool lead here. */
  readonly outsideLink?: OutsideLink
  /** Takes the digests of the files, as far as they were compared one by one. */
  readonly note: (files: readonly FilledFile[]) => void
}

/**
 * Fetches an asset, or goes on where an earlier run has ended.
 *
 * @param staging - absolute path of the folder or archive to make
 * @throws RemoteFailed, DigestMismatch, StorageWriteFailed, PullRefused for archives with files that lead out of the folder
 */
export async function fetchAsset(
  asset: RemoteAsset,
  staging: string,
  { archive, note, outsideLink, ...options }: FetchOptions,
): Promise<TransferSummary> {
  const { network, signal } = options
  if (archive) {
    return downloadFile(await archiveFileWithParts(asset, network, signal), staging, options)
  }
  const index = await indexOf(asset, network, signal)
  const file = archiveFile(asset, index)
  if (index === undefined) {
    return unpackArchive(file, staging, { ...options, ...(outsideLink && { outsideLink }) })
  }
  const summary = await unpackArchive(file, staging, { ...options, index })
  note(filesOf(index).map(({ path, sha256 }) => ({ path, sha256 })))
  return summary
}
