/** The digests of an asset over its files: of refgenie 0.x and of refgenie 1.x. */
import { createHash } from 'node:crypto'
import { nameIn, type ViewNaming } from './archive-layout.ts'
import { filesOf, type IndexFile, type MemberIndex } from './member-index.ts'

/**
 * Asset digest of refgenie 0.x (32 hex): md5 over the md5 of each file, one a line, ordered by path bytes. Links do not count, so
 * neither do the files packed in their place (reference §10.2; the order is that of the C locale).
 */
export function assetDigestOf(index: MemberIndex): string {
  return assetDigestOfFiles(ownFiles(index, path => path))
}

/** What of a file counts for the digest of its asset. */
export interface DigestedFile {
  /** Below the folder of the asset. */
  readonly path: string
  /** hex */
  readonly md5: string
}

/** The order of two paths. */
export type PathOrder = (a: string, b: string) => number

const orderedByBytes: PathOrder = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** About the order of `sort` in a language such as en_US: case and punctuation count only where all else is the same. */
export const orderedAsDictionary: PathOrder = (a, b) => {
  const plain = (path: string) => path.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
  return orderedByBytes(plain(a), plain(b)) || orderedByBytes(a, b)
}

/** The digest of {@link assetDigestOf} of files that lie in a folder; links are not among them. */
export function assetDigestOfFiles(
  files: readonly DigestedFile[],
  order: PathOrder = orderedByBytes,
): string {
  const hash = createHash('md5')
  for (const { md5 } of files.toSorted((a, b) => order(a.path, b.path))) hash.update(`${md5}\n`)
  return hash.digest('hex')
}

/**
 * Asset digest of refgenie 1.x (64 hex): SHA-256 over a fixed word and, for each file ordered by path bytes, the length of its path (32 bits,
 * big-endian), the path and the SHA-256 of the content (v4 reference §10).
 *
 * @param sequenceCollection - stands in names where 0.x has the digest of the genome
 */
export function v4AssetDigestOf(index: MemberIndex, sequenceCollection: string): string {
  const naming: ViewNaming = { root: '', genomeName: sequenceCollection }
  const rename = (path: string) => nameIn(naming, index.genome, path)
  const hash = createHash('sha256').update('refgenie-dir-digest-v2')
  for (const file of ownFiles(index, rename)) {
    const path = Buffer.from(rename(file.path))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(path.length)
    hash.update(length).update(path).update(Buffer.from(file.sha256, 'hex'))
  }
  return hash.digest('hex')
}

function ownFiles(index: MemberIndex, name: (path: string) => string): IndexFile[] {
  const order = (file: IndexFile) => Buffer.from(name(file.path))
  return filesOf(index)
    .filter(file => file.linked === undefined)
    .sort((a, b) => Buffer.compare(order(a), order(b)))
}
