/** What a cache must know of a published store: what never changes, and by which digests it is compared. */
import { readFile } from 'node:fs/promises'
import type { CacheKind, CacheRules, Proof } from '../storage/caching-store.ts'
import { INDEX_SUFFIX, parseIndex } from './member-index.ts'
import { CURRENT_KEY } from './published.ts'

const ARCHIVE_KEY = /^archives\/([0-9a-f]{32})\/[^/]+$/

/** The rules of a published store. */
export const MIRROR_RULES: CacheRules = {
  kindOf(key: string): CacheKind {
    if (key === CURRENT_KEY) return 'changing'
    // A push for a genome with a new alias adds digests of views.
    if (key.endsWith(INDEX_SUFFIX)) return 'settled'
    return /^(?:archives|generations|releases)\//.test(key) ? 'fixed' : 'passing'
  },
  async proofOf(key, identity, read): Promise<Proof> {
    const md5 = ARCHIVE_KEY.exec(key)?.[1]
    if (md5 === undefined) return { accepts: () => true }
    if (key.endsWith(INDEX_SUFFIX)) return { accepts: ({ path }) => isIndexOf(path, md5) }
    if (!key.endsWith('.tgz')) return { accepts: () => true }
    const text = await read(key + INDEX_SUFFIX)
    const archive = text === undefined ? undefined : parseIndex(text.toString('utf8'))?.archive
    const accepts: Proof['accepts'] = whole => whole.md5 === md5
    if (archive?.md5 !== md5 || archive.size !== identity.size) return { accepts }
    return { accepts, pieces: { size: archive.chunk_size, sha256: archive.chunks } }
  },
}

/** An index counts for the archive by whose digest it lies; a page of errors of some proxy does not. */
async function isIndexOf(path: string, md5: string): Promise<boolean> {
  return parseIndex(await readFile(path, 'utf8'))?.archive.md5 === md5
}
