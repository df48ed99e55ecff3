/** Where pulled assets go: a refgenie genome folder, or a plain layout. */
import type { RemoteAsset } from './remote-asset.ts'

/** Layout of a folder that assets are pulled into. */
export type Layout = 'refgenie' | 'flat' | 'digest'

/** What `place` did. */
export interface Placed {
  /** Absolute path of the folder of the asset (of the archive with `--archive`). */
  readonly path: string
  /** `current`: it was there, also when another process has just put it there. */
  readonly action: 'pulled' | 'current'
}

/** A file that `fill` has made, with the digest that was compared. */
export interface FilledFile {
  /** Below the folder of the asset. */
  readonly path: string
  /** hex */
  readonly sha256: string
}

/**
 * Makes an asset: a folder, or with `--archive` a file, at a path that is not there or is what an earlier run has left.
 *
 * @param note - takes the digests of files that were compared, so that `verify --deep` can compare them again later
 */
export type Fill = (staging: string, note: (files: readonly FilledFile[]) => void) => Promise<void>

/** A folder that assets are pulled into. */
export interface PullTarget {
  /** Absolute path of an asset that is there, complete, with the same archive digest; undefined otherwise. Takes no lock and writes nothing. */
  find(asset: RemoteAsset): Promise<string | undefined>

  /**
   * Refuses what cannot be placed, before anything is fetched: names that are no plain names, an alias that belongs to another genome here,
   * another asset at its place, a folder that cannot be written.
   *
   * @throws PullRefused, StorageWriteFailed
   */
  mustAccept(asset: RemoteAsset): Promise<void>

  /** Where a link that leads out of an archive of another tool leads here; undefined when it is left out. */
  linkOutside(asset: RemoteAsset, path: string, target: string): string | undefined

  /**
   * Puts an asset in place. `fill` gets an absolute path beside the target (same file system) that stays the same for an archive, so that a
   * later run goes on with what an earlier one left there. Among all processes one at a time fills for an archive; the others wait,
   * then find it. What `fill` made appears under its name by a rename, then in the config; when `fill` throws, what it left stays for the next run
   * and the target is as it was.
   *
   * @throws PullRefused, StorageWriteFailed, ConfigLocked, and what `fill` throws
   */
  place(asset: RemoteAsset, fill: Fill): Promise<Placed>

  /**
   * Refuses assets that would get the same place.
   *
   * @throws PullRefused naming both
   */
  mustDiffer(assets: readonly RemoteAsset[]): void
}
