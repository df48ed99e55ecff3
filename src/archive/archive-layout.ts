/**
 * How an archive is put together: runs of tar headers, and between them the content of files.
 *
 * The zero padding behind a file belongs to the next run of headers. So the blocks of a file hold the file and nothing else, and
 * another view of the archive (other names, other files) has the same content blocks between other headers.
 */
import { EOF_BLOCK, storedBlocks, storedLength } from './block-gzip.ts'
import type { IndexEntry, IndexFile, MemberIndex } from './member-index.ts'
import { paddingOf, TAR_END_LENGTH, type TarEntry, tarHeader } from './tar-header.ts'

/** How a view names and chooses what is in an archive. */
export interface ViewNaming {
  /** Top folder. */
  readonly root: string
  /** Replaces the genome's digest in every name; undefined = names as stored. */
  readonly genomeName?: string
  /** True to leave out files that are linked from another asset. */
  readonly withoutLinked?: boolean
}

/** A run of headers, made when it is asked for: an archive of 10,000 files has megabytes of them. */
interface HeaderRun {
  /** Bytes of tar. */
  readonly length: number
  plain(): Buffer
}

/** One step of an archive: headers, then the content of a file. The last step has no file. */
export interface ArchiveStep {
  readonly headers: HeaderRun
  readonly file?: IndexFile
}

/** An archive as v3 serves it, which is how it is stored. */
export function storedNaming(tag: string): ViewNaming {
  return { root: tag }
}

/** An archive as v1 and v2 serve it under an alias. */
export function legacyNaming(asset: string, alias: string): ViewNaming {
  return { root: asset, genomeName: alias }
}

/** An archive as refgenie 1.x serves it. */
export function v4Naming(assetDigest: string, sequenceCollection: string): ViewNaming {
  return { root: assetDigest, genomeName: sequenceCollection, withoutLinked: true }
}

/** The name a path has in a view, below its top folder. */
export function nameIn(naming: ViewNaming, genome: string, path: string): string {
  return naming.genomeName === undefined ? path : path.replaceAll(genome, naming.genomeName)
}

/** The steps of a view of an archive. */
export function stepsOf(
  index: Pick<MemberIndex, 'entries' | 'genome'>,
  naming: ViewNaming,
): ArchiveStep[] {
  const steps: ArchiveStep[] = []
  let waiting: TarEntry[] = [{ path: naming.root, type: 'folder', size: 0 }]
  let padding = 0
  for (const entry of index.entries) {
    if (isLeftOut(entry, naming)) continue
    waiting.push(tarEntryOf(entry, naming, index.genome))
    if (entry.type !== 'file' || entry.size === 0) continue
    steps.push({ headers: headerRun(padding, waiting), file: entry })
    waiting = []
    padding = paddingOf(entry.size)
  }
  steps.push({ headers: headerRun(padding, waiting, TAR_END_LENGTH) })
  return steps
}

/** A run of headers in the blocks it has in an archive; the last run has the end block too. */
export function packedHeaders({ headers, file }: ArchiveStep): Buffer {
  const blocks = storedBlocks(headers.plain())
  return file === undefined ? Buffer.concat([blocks, EOF_BLOCK]) : blocks
}

/** Length of {@link packedHeaders}. */
export function packedHeadersLength({ headers, file }: ArchiveStep): number {
  return storedLength(headers.length) + (file === undefined ? EOF_BLOCK.length : 0)
}

function isLeftOut(entry: IndexEntry, naming: ViewNaming): boolean {
  return naming.withoutLinked === true && entry.type === 'file' && entry.linked !== undefined
}

/** An index entry as a tar entry of a view. */
function tarEntryOf(entry: IndexEntry, naming: ViewNaming, genome: string): TarEntry {
  const path = `${naming.root}/${nameIn(naming, genome, entry.path)}`
  if (entry.type === 'folder') return { path, type: 'folder', size: 0 }
  if (entry.type === 'link') {
    return { path, type: 'link', size: 0, target: nameIn(naming, genome, entry.target) }
  }
  return { path, type: 'file', size: entry.size, executable: entry.executable === true }
}

function headerRun(padding: number, entries: readonly TarEntry[], end = 0): HeaderRun {
  const plain = () =>
    Buffer.concat([Buffer.alloc(padding), ...entries.map(tarHeader), Buffer.alloc(end)])
  return { length: padding + entries.reduce((sum, e) => sum + tarHeader(e).length, 0) + end, plain }
}
