/** What the layouts of a folder differ in; `asset-target.ts` does the rest for all of them. */
import type { PlacedRecord } from './placed-record.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** An unpacked folder, or the archive as it is. */
export type Form = PlacedRecord['form']

/**
 * What lies at the place of an asset: `current` is the same and complete; `unsettled` too, but a run ended before it was made known;
 * `damaged` was the same, but something of it is missing; `other` is something else.
 */
export type Standing = 'absent' | 'current' | 'unsettled' | 'damaged' | 'other'

/** Where a layout puts things, and what it does so that others see them. */
export interface TargetLayout {
  /** Absolute; places are below it. */
  readonly root: string
  readonly form: Form
  /** Path below the root. */
  placeOf(asset: RemoteAsset): string
  /** Path below the root of another asset of which only this is known; undefined where the layout needs more. */
  placeOfRelative(genomeDigest: string, asset: string, tag: string): string | undefined
  /**
   * What lies there, given what the record says of it.
   *
   * @param seen - `absent` when nothing lies there; `other` without a record for this archive
   */
  judge(asset: RemoteAsset, seen: Standing): Promise<Standing>
  /**
   * Refuses what this layout cannot take.
   *
   * @throws PullRefused, StorageWriteFailed
   */
  mustAccept(asset: RemoteAsset): Promise<void>
  /**
   * Makes a placed asset known: links, the config. Doing it again changes nothing.
   *
   * @throws StorageWriteFailed, ConfigLocked
   */
  settle(asset: RemoteAsset): Promise<void>
}
