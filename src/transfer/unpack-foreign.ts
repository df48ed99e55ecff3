/**
 * Unpacks archives of other tools: a gzip stream that can only be read from its begin.
 *
 * Where the disk has room for it, the archive is fetched into a file first, which a later run goes on with. Else it is unpacked as it
 * comes, part after part, and a run that is broken off begins anew.
 */
import { createReadStream } from 'node:fs'
import { mkdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'
import { downloadFile } from './download-file.ts'
import { extractTar, type OutsideLink } from './extract-tar.ts'
import { hashFile } from './hash-file.ts'
import { comparedDigest, type RemoteFile } from './remote-file.ts'
import type { TransferOptions, TransferSummary } from './transfer-options.ts'
import { unpackStream } from './unpack-stream.ts'

/** What is unpacked. */
export interface ForeignOrder {
  readonly file: RemoteFile
  readonly folder: string
  readonly only?: readonly string[]
  readonly outsideLink?: OutsideLink
  readonly options: TransferOptions
}

// Packed indexes and sequences unpack to about so many times their size.
const UNPACKED = 4

/** See the head of this file. Throws as {@link unpackArchive}. */
export async function unpackForeign(order: ForeignOrder): Promise<TransferSummary> {
  return (await hasRoom(order)) ? throughFile(order) : unpackStream(order)
}

async function hasRoom({ folder, file }: ForeignOrder): Promise<boolean> {
  try {
    await mkdir(dirname(folder), { recursive: true })
    const { bavail, bsize } = await statfs(dirname(folder))
    return bavail * bsize > file.size * (1 + UNPACKED)
  } catch (error) {
    throw new StorageWriteFailed(folder, error)
  }
}

async function throughFile({
  file,
  folder,
  options,
  ...rest
}: ForeignOrder): Promise<TransferSummary> {
  const archive = `${folder}.tgz`
  const summary = await fetched(file, archive, options)
  await rm(folder, { recursive: true, force: true })
  const { subject } = file
  const packed = createReadStream(archive, { highWaterMark: 1024 * 1024 })
  await extractTar(packed, { ...rest, folder, subject })
  await rm(archive, { force: true })
  return summary
}

/** An earlier run may have fetched it and failed to unpack it, on a full disk. */
async function fetched(
  file: RemoteFile,
  archive: string,
  options: TransferOptions,
): Promise<TransferSummary> {
  const { algorithm, expected } = comparedDigest(file)
  const there = await stat(archive).catch(() => undefined)
  const isSame = there?.size === file.size && (await hashFile(archive, algorithm)) === expected
  if (!isSame) return downloadFile(file, archive, options)
  options.onEvent?.({ event: 'resumed', subject: file.subject, bytes: file.size })
  return { received: 0, resumed: file.size, retried: 0 }
}
