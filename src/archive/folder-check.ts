/** Compares a catalogue with its archive folder: what is missing, empty or damaged. */
import type { ArchiveForm, Catalogue, CatalogueEntry } from '../domain/catalogue.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { RefdepotError } from '../domain/errors.ts'
import { nameOf } from '../domain/genome.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { Store } from '../storage/store.ts'
import { legacyNaming, type ViewNaming } from './archive-layout.ts'
import { type ArchivePlaces, claimedDigest } from './archive-places.ts'
import type { ContentIndex } from './content-index.ts'
import type { DigestLedger } from './digest-ledger.ts'
import type { FileDigests } from './file-digests.ts'
import type { IndexShelf } from './index-shelf.ts'
import type { MemberIndex, ViewDigests } from './member-index.ts'

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
  readonly places: ArchivePlaces
  readonly ledger: DigestLedger
  readonly shelf: IndexShelf
  /** Filled with the digests of everything that has an index. */
  readonly contents: ContentIndex
  /** Computes the digests of a view that an index lacks (an alias that came later). */
  readonly viewDigests?: (
    key: string,
    index: MemberIndex,
    naming: ViewNaming,
  ) => Promise<ViewDigests>
  /** Computes digests of a key; without it only existence and size are looked at. */
  readonly digests?: (key: string) => Promise<FileDigests>
  /** True to believe the digests that an index names: those of a store that has checked what was put into it. */
  readonly believesIndex?: boolean
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

type ExpectedForm = Pick<ExpectedFile, 'entry' | 'form'>

// Half of the threads that read files: requests have the others.
const LOOKS = 2

/**
 * Looks at every archive of a catalogue, one after the other, and answers what is wrong.
 * Digests that were computed before for the same state of a file are not computed again.
 */
export async function checkFolder(check: FolderCheck): Promise<Damage[]> {
  const files = await expectedFiles(check)
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
  await takeInWithdrawn(check)
  return damages
}

/** What is withdrawn is not looked after any more, but its digests stay known: who asks for one shall learn what became of it. */
async function takeInWithdrawn(check: FolderCheck): Promise<void> {
  for (const { entry } of check.catalogue.withdrawn.entries()) {
    if (check.signal?.aborted === true) return
    const found = await indexOf(check, entry).catch(() => undefined)
    if (found !== undefined) check.contents.add(entry, found.index)
  }
}

async function checkFile(check: FolderCheck, file: ExpectedFile): Promise<Verdict | undefined> {
  const index = await indexOf(check, file.entry)
  if (file.form === 'legacy' && index !== undefined) return checkView(file, index.index)
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
  if (index !== undefined && check.believesIndex === true) {
    check.ledger.remember(file.key, identity, index.index.archive)
  }
  if (index !== undefined) await takeIn(check, file.entry, index)
  const known = check.ledger.known(file.key, identity)
  if (known === undefined || known.md5 === file.md5) return undefined
  const reason = `its md5 is ${known.md5}, but the config says ${file.md5}`
  return { problem: 'damaged', reason }
}

/** With an index the alias-named archive is made of the stored one: only the claim of the config can be wrong. */
function checkView({ entry, md5 }: ExpectedFile, index: MemberIndex): Verdict | undefined {
  const view = index.views.legacy[nameOf(entry.genome)]
  if (view === undefined || view.md5 === md5) return undefined
  const reason = `the alias-named archive has the md5 ${view.md5}, but the config says ${md5}`
  return { problem: 'damaged', reason }
}

async function indexOf(
  { store, places, shelf }: FolderCheck,
  entry: CatalogueEntry,
): Promise<{ key: string; index: MemberIndex } | undefined> {
  for (const key of places.archiveKeys(entry, 'stored')) {
    const identity = await store.identify(key)
    if (identity === undefined) continue
    const index = await shelf.indexOf(key, identity)
    return index?.archive.md5 === claimedDigest(entry, 'stored') ? { key, index } : undefined
  }
  return undefined
}

/** Learns the digests of an archive and what is in it; views of aliases that came after it was made are hashed now. */
async function takeIn(
  { contents, viewDigests }: FolderCheck,
  entry: CatalogueEntry,
  { key, index }: { key: string; index: MemberIndex },
): Promise<void> {
  contents.add(entry, index)
  for (const alias of entry.genome.aliases) {
    if (index.views.legacy[alias] !== undefined) continue
    const naming = legacyNaming(index.asset, alias)
    const known = contents.view(index.archive.md5, alias)
    const digests = known ?? (await viewDigests?.(key, index, naming))
    if (digests !== undefined) contents.addView(entry, index, alias, digests)
  }
}

async function expectedFiles(check: FolderCheck): Promise<ExpectedFile[]> {
  const wanted = [...check.catalogue.entries()].flatMap((entry): ExpectedForm[] => {
    const stored = { entry, form: 'stored' } as const
    return entry.tag.legacyArchiveDigest === '' ? [stored] : [stored, { entry, form: 'legacy' }]
  })
  const files: ExpectedFile[] = []
  await inParallel([...wanted.entries()], LOOKS, async ([at, { entry, form }]) => {
    if (check.signal?.aborted !== true) files[at] = await expected(check, entry, form)
  })
  return files
}

/** A file that is nowhere is missing where it usually lies. */
async function expected(
  { store, places }: FolderCheck,
  entry: CatalogueEntry,
  form: ArchiveForm,
): Promise<ExpectedFile> {
  const [usual, ...others] = places.archiveKeys(entry, form) as [string, ...string[]]
  let key = usual
  for (const other of (await exists(store, usual)) ? [] : others) {
    if (await exists(store, other)) key = other
  }
  return { entry, form, key, md5: claimedDigest(entry, form) }
}

/** A file that cannot be looked at is reported when it is checked. */
function exists(store: Store, key: string): Promise<boolean> {
  return store.identify(key).then(
    identity => identity !== undefined,
    () => true,
  )
}
