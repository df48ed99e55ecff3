/** Finds what a path below an asset means: a file, through links, or one of the files made of it. */
import { posix } from 'node:path'
import type { IndexEntry, IndexFile, MemberIndex } from './member-index.ts'

/** A file as it was asked for: itself, or made of it. */
export interface FoundMember {
  readonly file: IndexFile
  readonly form: 'plain' | 'gz' | 'gzi' | 'fai'
}

// What is made of every file; a real file of that name wins.
const DERIVED = [
  ['.gz.gzi', 'gzi'],
  ['.gz.fai', 'fai'],
  ['.gz', 'gz'],
] as const

// Links that lead to links; more of them are a circle.
const MOST_LINKS = 40

type EntriesByPath = ReadonlyMap<string, IndexEntry>

// As long as an index is kept: an asset may have 10,000 files, and one of them is asked for.
const byPath = new WeakMap<MemberIndex, EntriesByPath>()

/** The member a path means; undefined when there is none. The path may come from a request. */
export function findMember(index: MemberIndex, path: string): FoundMember | undefined {
  const entries = entriesOf(index)
  const plain = fileAt(entries, path)
  if (plain !== undefined) return { file: plain, form: 'plain' }
  for (const [suffix, form] of DERIVED) {
    if (!path.endsWith(suffix)) continue
    const file = fileAt(entries, path.slice(0, -suffix.length))
    if (file !== undefined && (form !== 'fai' || hasFai(file))) return { file, form }
  }
  return undefined
}

function entriesOf(index: MemberIndex): EntriesByPath {
  const known = byPath.get(index)
  if (known !== undefined) return known
  const entries = new Map(index.entries.map(entry => [entry.path, entry]))
  byPath.set(index, entries)
  return entries
}

function hasFai(file: IndexFile): boolean {
  return file.fasta !== undefined && file.fasta.fai_problem === undefined
}

function fileAt(entries: EntriesByPath, asked: string): IndexFile | undefined {
  let path = asked
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const entry = entries.get(path)
    if (entry?.type === 'file') return entry
    const next = followed(entries, path)
    if (next === undefined) return undefined
    path = next
  }
  return undefined
}

/** The path with the first link in it followed. */
function followed(entries: EntriesByPath, path: string): string | undefined {
  const parts = path.split('/')
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const at = parts.slice(0, depth).join('/')
    const entry = entries.get(at)
    if (entry?.type !== 'link') continue
    return posix.join(posix.dirname(at), entry.target, ...parts.slice(depth))
  }
  return undefined
}
