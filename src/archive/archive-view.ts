/** Views of an archive as blobs: the same content blocks between other headers, or the tar without any compression. */
import type { Blob } from '../storage/blob.ts'
import { lazyPiece, type Piece, piecewiseBlob, storedPiece } from '../storage/piecewise-blob.ts'
import type { StoredObject } from '../storage/store.ts'
import {
  type ArchiveStep,
  packedHeaders,
  packedHeadersLength,
  stepsOf,
  type ViewNaming,
} from './archive-layout.ts'
import { contentPiece, type IndexedArchive } from './member-blob.ts'
import type { MemberIndex, ViewDigests } from './member-index.ts'

/**
 * An archive under other names. Size and any range are known without compressing anything.
 *
 * @param digests - of this view, from the index; without them the ETag is made of the archive's digest and the names
 */
export function viewBlob(
  { object, index }: IndexedArchive,
  naming: ViewNaming,
  digests?: ViewDigests,
): Blob {
  const pieces = stepsOf(index, naming).flatMap(step => packedPieces(object, step))
  return piecewiseBlob(pieces, {
    mediaType: 'application/octet-stream',
    etag: digests?.md5 ?? etagOf(index, naming),
    modified: new Date(object.modifiedMs),
    ...(digests && { digests: { md5: digests.md5, sha256: digests.sha256 } }),
    close: () => object.close(),
  })
}

/** Length of a view in bytes. */
export function viewLength(index: MemberIndex, naming: ViewNaming): number {
  let length = 0
  for (const step of stepsOf(index, naming)) {
    length += packedHeadersLength(step)
    if (step.file !== undefined) length += step.file.end - step.file.start
  }
  return length
}

/** An archive as plain tar, inflated on the way: for readers that take one gzip member only. */
export function tarBlob({ object, index }: IndexedArchive, naming: ViewNaming): Blob {
  const pieces = stepsOf(index, naming).flatMap(({ headers, file }) => [
    lazyPiece(headers.length, () => headers.plain()),
    ...(file === undefined ? [] : [contentPiece(object, file)]),
  ])
  return piecewiseBlob(pieces, {
    mediaType: 'application/x-tar',
    etag: `${etagOf(index, naming)}-tar`,
    modified: new Date(object.modifiedMs),
    close: () => object.close(),
  })
}

function packedPieces(object: StoredObject, step: ArchiveStep): Piece[] {
  const headers = lazyPiece(packedHeadersLength(step), () => packedHeaders(step))
  if (step.file === undefined) return [headers]
  return [headers, storedPiece(object, step.file.start, step.file.end)]
}

function etagOf(index: MemberIndex, naming: ViewNaming): string {
  const names = [naming.root, naming.genomeName ?? '', naming.withoutLinked === true ? '1' : '']
  return `${index.archive.md5}-${Buffer.from(names.join('/')).toString('base64url')}`
}
