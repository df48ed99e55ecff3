/** Makes the record of an asset that is being placed. */
import type { FileSize } from './folder-files.ts'
import { type PlacedRecord, plainAddress } from './placed-record.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { Form } from './target-layout.ts'

/** What is placed. */
export interface Placing {
  /** Below the root. */
  readonly place: string
  readonly form: Form
  readonly files: readonly FileSize[]
  /** sha256 of files by path, as far as they were compared. */
  readonly digests: ReadonlyMap<string, string>
}

/** The record of an asset that is placed now. */
export function recordOf(asset: RemoteAsset, placing: Placing): PlacedRecord {
  const { digest, aliases, description } = asset.genome
  const { md5, sha256, size } = asset.archive
  const { asset_digest, seek_keys } = asset.attributes
  return {
    format: 'refdepot-placed',
    version: 1,
    registry_path: asset.registryPath,
    genome: { digest, aliases: [...aliases], ...(description !== undefined && { description }) },
    asset: asset.asset.name,
    tag: asset.tag,
    default_tag: asset.asset.defaultTag,
    form: placing.form,
    place: placing.place,
    server: plainAddress(asset.server),
    archive: { md5, size, ...(sha256 !== undefined && { sha256 }) },
    ...(asset_digest !== undefined && { asset_digest }),
    seek_keys: { ...seek_keys },
    files: placing.files.map(file => {
      const sha256 = placing.digests.get(file.path)
      return { ...file, ...(sha256 !== undefined && { sha256 }) }
    }),
    placed_at: new Date().toISOString(),
  }
}
