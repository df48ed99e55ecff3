/** Compares a catalogue with its archive folder: what is missing, empty or damaged. */
import type { ArchiveForm, Catalogue, CatalogueEntry } from '../domain/catalogue.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { RefdepotError } from '../domain/errors.ts'
import type { Store } from '../storage/store.ts'
import { archiveKey, claimedDigest } from './archive-folder.ts'
import type { DigestLedger } from './digest-ledger.ts'
import type { FileDigests } from './file-digests.ts'

/** Something wrong with one archive. */
export interface Damage {
  readonly registryPath: string
  /** Key in the archive folder. */
  readonly file: string
  /** For programs and the public. */
  readonly problem: DamageKind
  /** For the operator; it may name paths. */
  readonly reason: string
}

/** What can be wrong with an archive. */
type DamageKind = 'missing' | 'empty' | 'damaged' | 'changing' | 'unreadable'

type Verdict = Pick<Damage, 'problem' | 'reason'>

/** What is needed to look at a folder. */
export interface FolderCheck {
  readonly catalogue: Catalogue
  readonly store: Store
  readonly ledger: DigestLedger
  /** Computes digests of a key; without it only existence and size are looked at. */
  readonly digests?: (key: string) => Promise<FileDigests>
  readonly signal?: AbortSignal
  /** Called after each archive. */
  readonly onProgress?: (done: number, total: number) => void
}

/** An archive file with the md5 the config claims for it. */
interface ExpectedFile {
  readonly entry: CatalogueEntry
  readonly form: ArchiveForm
  readonly key: string
  readonly md5: string
}

/**
 * Looks at every archive of a catalogue, one after the other, and answers what is wrong.
 * Digests that were computed before for the same state of a file are not computed again.
 */
export async function checkFolder(check: FolderCheck): Promise<Damage[]> {
  const files = [...expectedFiles(check.catalogue)]
  const damages: Damage[] = []
  let done = 0
  for (const file of files) {
    if (check.signal?.aborted === true) break
    const verdict = await checkFile(check, file).catch(error => {
      // One unreadable file must not hide the state of the others.
      if (!(error instanceof RefdepotError)) throw error
      return { problem: 'unreadable', reason: error.message } as const
    })
    if (verdict !== undefined) {
      damages.push({ registryPath: registryPathOf(file.entry), file: file.key, ...verdict })
    }
    done += 1
    check.onProgress?.(done, files.length)
  }
  return damages
}

async function checkFile(check: FolderCheck, file: ExpectedFile): Promise<Verdict | undefined> {
  const identity = await check.store.identify(file.key)
  if (identity === undefined) {
    // With remotes the archives lie elsewhere; what lies here is checked all the same.
    if (check.catalogue.remotes !== undefined) return undefined
    return { problem: 'missing', reason: 'the file is missing' }
  }
  if (identity.size === 0) return { problem: 'empty', reason: 'the file is empty' }
  if (check.digests !== undefined && !(await check.ledger.recall(file.key, identity))) {
    const digests = await check.digests(file.key)
    const after = await check.store.identify(file.key)
    // A file that changed under the reader is looked at again the next time; its digest would be nobody's.
    if (after?.modifiedMs !== identity.modifiedMs || digests.size !== identity.size) {
      return { problem: 'changing', reason: 'the file changed while it was read' }
    }
    await check.ledger.keep(file.key, identity, digests)
  }
  const known = check.ledger.known(file.key, identity)
  if (known === undefined || known.md5 === file.md5) return undefined
  const reason = `its md5 is ${known.md5}, but the config says ${file.md5}`
  return { problem: 'damaged', reason }
}

function* expectedFiles(catalogue: Catalogue): Generator<ExpectedFile> {
  for (const entry of catalogue.entries()) {
    yield expected(entry, 'stored')
    if (entry.tag.legacyArchiveDigest !== '') yield expected(entry, 'legacy')
  }
}

function expected(entry: CatalogueEntry, form: ArchiveForm): ExpectedFile {
  return { entry, form, key: archiveKey(entry, form), md5: claimedDigest(entry, form) }
}
