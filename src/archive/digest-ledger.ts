/**
 * What is known of the digests of archives: computed once in the background, kept beside the archive, never on a request.
 *
 * The md5 of a config is a claim of whoever archived; the ledger holds what the bytes say. A record counts only while size, time and
 * inode of the file are the ones it was computed for. It lies beside the archive as `<archive>.digests.json`, or, where that
 * folder is read-only, at the same path below the state folder.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Identity } from '../storage/store.ts'
import type { FileDigests } from './file-digests.ts'

/** Digests of an archive with its size in bytes. */
export type ArchiveDigests = FileDigests

interface LedgerRecord extends ArchiveDigests {
  readonly format: 1
  readonly modifiedMs: number
  readonly inode: string
}

/** What the record of an archive's digests is called: the archive's name with this behind it. */
export const LEDGER_SUFFIX = '.digests.json'

/** What is known of the digests of archives; see the head of this file. */
export class DigestLedger {
  readonly #folder: string | undefined
  readonly #stateFolder: string | undefined
  readonly #records = new Map<string, LedgerRecord>()
  readonly #md5OfSha256 = new Map<string, string>()
  #memoryOnly = false
  #stale = false

  /**
   * @param folder - the archive folder; undefined for a store, whose digests are not kept on this machine
   * @param stateFolder - where records go when the archive folder is read-only; undefined = memory only
   */
  constructor(folder: string | undefined, stateFolder?: string) {
    this.#folder = folder
    this.#stateFolder = stateFolder
  }

  /** The digests of a file in this state; undefined when they were not computed yet. */
  known(key: string, identity: Identity): ArchiveDigests | undefined {
    const record = this.#records.get(key)
    if (record === undefined) return undefined
    if (isFor(record, identity)) return record
    this.#stale = true
    return undefined
  }

  /** True for a file in another state than the one its digests were computed for: what the config claims of it may be wrong. */
  hasChanged(key: string, identity: Identity): boolean {
    const record = this.#records.get(key)
    return record !== undefined && !isFor(record, identity)
  }

  /** True once after a file was seen in another state than the one its digests were computed for. */
  takeStale(): boolean {
    const stale = this.#stale
    this.#stale = false
    return stale
  }

  /** The md5 of a file whose sha256 is known. */
  md5OfSha256(sha256: string): string | undefined {
    return this.#md5OfSha256.get(sha256)
  }

  /** Looks for a kept record of a file in this state; true when there is one, in memory or on disk. */
  async recall(key: string, identity: Identity): Promise<boolean> {
    if (this.known(key, identity) !== undefined) return true
    for (const path of this.#places(key)) {
      const record = await readRecord(path)
      if (record === undefined || !isFor(record, identity)) continue
      this.#remember(key, record)
      return true
    }
    return false
  }

  /** Keeps the digests of a file in a given state; answers whether they were written to disk too. */
  async keep(key: string, identity: Identity, digests: ArchiveDigests): Promise<boolean> {
    const { modifiedMs, inode } = identity
    const record: LedgerRecord = { format: 1, ...digests, modifiedMs, inode }
    this.#remember(key, record)
    for (const path of this.#places(key)) {
      if (await writeRecord(path, record)) return true
    }
    this.#memoryOnly = true
    return false
  }

  /** True once a record could be written nowhere: a restart will have to compute it again. */
  get memoryOnly(): boolean {
    return this.#memoryOnly
  }

  /** Takes the digests of a file in a given state as known; nothing is written. */
  remember(
    key: string,
    { modifiedMs, inode }: Identity,
    { size, md5, sha256 }: ArchiveDigests,
  ): void {
    this.#remember(key, { format: 1, size, md5, sha256, modifiedMs, inode })
  }

  #remember(key: string, record: LedgerRecord): void {
    this.#records.set(key, record)
    this.#md5OfSha256.set(record.sha256, record.md5)
  }

  #places(key: string): string[] {
    const name = key + LEDGER_SUFFIX
    return [this.#folder, this.#stateFolder].flatMap(folder =>
      folder === undefined ? [] : [join(folder, name)],
    )
  }
}

function isFor(record: LedgerRecord, identity: Identity): boolean {
  return (
    record.size === identity.size &&
    record.modifiedMs === identity.modifiedMs &&
    record.inode === identity.inode
  )
}

/** The record of digests of a file in a given state, as it lies beside an archive. */
export function ledgerText(
  { size, modifiedMs, inode }: Identity,
  { md5, sha256 }: Pick<ArchiveDigests, 'md5' | 'sha256'>,
): string {
  return textOf({ format: 1, md5, sha256, size, modifiedMs, inode })
}

function textOf(record: LedgerRecord): string {
  return `${JSON.stringify(record)}\n`
}

/** A record that cannot be read or understood is as good as none: it is computed again. */
async function readRecord(path: string): Promise<LedgerRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8'))
    return record?.format === 1 && /^[0-9a-f]{64}$/.test(record.sha256) ? record : undefined
  } catch {
    return undefined
  }
}

/** Written whole or not at all; false when this folder cannot be written. */
async function writeRecord(path: string, record: LedgerRecord): Promise<boolean> {
  const temporary = `${path}.${process.pid}.part`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, textOf(record), { flush: true })
    await rename(temporary, path)
    return true
  } catch {
    await rm(temporary, { force: true }).catch(() => {})
    return false
  }
}
