/** Unpacks an archive while it arrives. */
import type { MemberIndex } from '../archive/member-index.ts'
import type { OutsideLink } from './extract-tar.ts'
import type { RemoteFile } from './remote-file.ts'
import type { TransferOptions, TransferSummary } from './transfer-options.ts'
import { unpackForeign } from './unpack-foreign.ts'
import { unpackIndexed } from './unpack-indexed.ts'

/** How an archive is unpacked. */
export interface UnpackOptions extends TransferOptions {
  /** Undefined for archives of other tools. */
  readonly index?: MemberIndex
  /** Paths of files below the top folder that are wanted; everything when undefined. */
  readonly only?: readonly string[]
  /** What becomes of links that lead out of an archive of another tool; without it they are refused. */
  readonly outsideLink?: OutsideLink
}

/**
 * Unpacks an archive into a folder; the top folder of the archive is left out, so that its files lie in `folder` itself. With an index its parts are
 * unpacked in any order and every file is compared; without one the archive is read as a stream, and compared as a whole.
 *
 * @param folder - absolute path; on success everything in it is on disk. What is there after a failure the next run goes on with
 * @throws RemoteFailed, DigestMismatch, PullRefused for members that lead out of the folder, StorageWriteFailed
 */
export function unpackArchive(
  file: RemoteFile,
  folder: string,
  { index, only, outsideLink, ...options }: UnpackOptions,
): Promise<TransferSummary> {
  const order = { file, folder, options, ...(only !== undefined && { only }) }
  if (index === undefined) return unpackForeign({ ...order, ...(outsideLink && { outsideLink }) })
  return unpackIndexed({ ...order, index })
}
