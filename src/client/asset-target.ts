/** Puts assets in place, whatever the layout: one process at a time, whole or not at all. */
import { randomUUID } from 'node:crypto'
import { lstat, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { type LockOwner, withArchiveLock } from './archive-lock.ts'
import { filesOfFolder, lacksOf } from './folder-files.ts'
import { parentLink } from './parent-link.ts'
import { HIDDEN_FOLDER, type PlacedRecord, readRecord, writeRecord } from './placed-record.ts'
import { askedGenome, mustBePlain } from './plain-names.ts'
import type { Fill, Placed, PullTarget } from './pull-target.ts'
import { recordOf } from './record-of.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { Standing, TargetLayout } from './target-layout.ts'

/** How assets are placed. */
export interface PlacingOptions {
  /** Replace what lies at the place of an asset, also the same again. */
  readonly force?: boolean
  /** Called when another process fetches the same archive; it is waited for. */
  readonly onWaiting?: (asset: RemoteAsset, owner: LockOwner) => void
  readonly signal?: AbortSignal
}

/** See the head of this file. */
export class AssetTarget implements PullTarget {
  readonly #layout: TargetLayout
  readonly #options: PlacingOptions

  constructor(layout: TargetLayout, options: PlacingOptions = {}) {
    this.#layout = layout
    this.#options = options
  }

  async find(asset: RemoteAsset): Promise<string | undefined> {
    mustBePlain(asset)
    return (await this.#standing(asset)) === 'current' ? this.#pathOf(asset) : undefined
  }

  mustDiffer(assets: readonly RemoteAsset[]): void {
    const taken = new Map<string, RemoteAsset>()
    const genomes = new Map<string, string>()
    for (const asset of assets) {
      mustBePlain(asset)
      mustMeanOne(asset, genomes)
      const place = this.#layout.placeOf(asset)
      // Some file systems do not tell upper case from lower case.
      const key = place.normalize('NFC').toLowerCase()
      const other = taken.get(key)
      if (other !== undefined && !isSame(asset, other)) {
        throw new PullRefused(
          `${other.registryPath} and ${asset.registryPath} would both become ${join(this.#layout.root, place)}; pull them into two folders, or with --layout digest`,
        )
      }
      taken.set(key, asset)
    }
  }

  async mustAccept(asset: RemoteAsset): Promise<void> {
    mustBePlain(asset)
    await this.#layout.mustAccept(asset)
    if (this.#options.force === true || (await this.#standing(asset)) !== 'other') return
    throw new PullRefused(
      `${this.#pathOf(asset)} is there already and is not the ${asset.registryPath} of ${asset.server}; keep it and pull elsewhere, or replace it with --force`,
    )
  }

  linkOutside(asset: RemoteAsset, path: string, target: string): string | undefined {
    return parentLink(this.#layout, asset, path, target)
  }

  async place(asset: RemoteAsset, fill: Fill): Promise<Placed> {
    const { force, onWaiting, signal } = this.#options
    const there = force === true ? undefined : await this.find(asset)
    if (there !== undefined) return { path: there, action: 'current' }
    await this.mustAccept(asset)
    const path = this.#pathOf(asset)
    const before = await this.#record(asset)
    const staging = await this.#stagingFolder(asset)
    const waiting = {
      ...(onWaiting && { onWaiting: (owner: LockOwner) => onWaiting(asset, owner) }),
      ...(signal && { signal }),
    }
    return withArchiveLock(
      `${staging}.lock`,
      async lock => {
        // Another process may have placed it meanwhile: then even `force` has what it wants.
        const again = force === true && before?.placed_at === (await this.#record(asset))?.placed_at
        const standing = again ? 'other' : await this.#standing(asset)
        if (standing === 'unsettled') await this.#layout.settle(asset)
        if (standing === 'current' || standing === 'unsettled') return { path, action: 'current' }
        await this.mustAccept(asset)
        await this.#filled(asset, fill, staging, lock.isMine)
        return { path, action: 'pulled' }
      },
      waiting,
    )
  }

  async #filled(
    asset: RemoteAsset,
    fill: Fill,
    staging: string,
    isMine: () => Promise<boolean>,
  ): Promise<void> {
    const made = join(staging, this.#layout.form)
    await mkdir(staging, { recursive: true }).catch(failedAt(staging))
    const digests = new Map<string, string>()
    await fill(made, files => {
      for (const { path, sha256 } of files) digests.set(path, sha256)
    })
    if (!(await isMine())) {
      throw new PullRefused(
        `another process has taken over the download of ${asset.registryPath}, since this one stood still; run it again`,
      )
    }
    const { form } = this.#layout
    const files = form === 'folder' ? await filesOfFolder(made).catch(failedAt(made)) : []
    const place = this.#layout.placeOf(asset)
    const record = recordOf(asset, { place, form, files, digests })
    await this.#movedIn(made, record).catch(failedAt(this.#pathOf(asset)))
    await this.#layout.settle(asset)
    // With what was there before.
    await rm(staging, { recursive: true, force: true })
  }

  /** The record comes first: a folder that appears is known from its first moment, a record without its folder says nothing. */
  async #movedIn(made: string, record: PlacedRecord): Promise<void> {
    const { root } = this.#layout
    const path = join(root, record.place)
    await lstat(made)
    await mkdir(dirname(path), { recursive: true })
    const earlier = await readRecord(root, record.place)
    const aside = `${made}.${randomUUID()}.old`
    const replaced = await movedAway(path, aside)
    try {
      await writeRecord(root, record)
      await rename(made, path)
    } catch (error) {
      if (replaced) await rename(aside, path)
      if (earlier !== undefined) await writeRecord(root, earlier)
      throw error
    }
    await flushFolder(dirname(path))
  }

  async #standing(asset: RemoteAsset): Promise<Standing> {
    return this.#layout.judge(asset, await this.#seen(asset))
  }

  /** What lies there by its record. */
  async #seen(asset: RemoteAsset): Promise<Standing> {
    const path = this.#pathOf(asset)
    const stats = await lstat(path).catch(() => undefined)
    if (stats === undefined) return 'absent'
    const record = await this.#record(asset)
    if (record?.archive.md5 !== asset.archive.md5) return 'other'
    return (await lacksOf(path, record)).length === 0 ? 'current' : 'damaged'
  }

  #record(asset: RemoteAsset): Promise<PlacedRecord | undefined> {
    return readRecord(this.#layout.root, this.#layout.placeOf(asset))
  }

  #pathOf(asset: RemoteAsset): string {
    return join(this.#layout.root, this.#layout.placeOf(asset))
  }

  async #stagingFolder(asset: RemoteAsset): Promise<string> {
    const folder = join(this.#layout.root, HIDDEN_FOLDER, 'staging')
    await mkdir(folder, { recursive: true }).catch(failedAt(folder))
    return join(folder, asset.archive.md5)
  }
}

/** Makes way; false when nothing was there. */
async function movedAway(path: string, aside: string): Promise<boolean> {
  try {
    await rename(path, aside)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** An alias means one genome: two servers may not agree. */
function mustMeanOne(asset: RemoteAsset, genomes: Map<string, string>): void {
  const alias = askedGenome(asset)
  const { digest } = asset.genome
  const other = genomes.get(alias) ?? digest
  if (other !== digest) {
    throw new PullRefused(
      `${alias} is the genome ${other} for one asset and ${digest} for another; pull them by digest, ${digest}/${asset.asset.name}:${asset.tag}`,
    )
  }
  genomes.set(alias, digest)
}

function isSame(a: RemoteAsset, b: RemoteAsset): boolean {
  return (
    a.genome.digest === b.genome.digest &&
    a.asset.name === b.asset.name &&
    a.tag === b.tag &&
    a.archive.md5 === b.archive.md5
  )
}

/** Errors of the file system as ours; others stay. */
function failedAt(path: string): (error: unknown) => never {
  return error => {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new StorageWriteFailed(path, error)
  }
}
