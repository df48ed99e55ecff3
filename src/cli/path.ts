/** `refdepot path`: where a pulled asset is. */
import { findLocal } from '../client/find-local.ts'
import { EXIT } from './exit-codes.ts'
import { type LocalFlags, localPlaceOf } from './local-place.ts'

/** Prints one path; 3 when it is not here. */
export async function runPath(
  registryPath: string,
  flags: LocalFlags & { readonly json?: boolean },
): Promise<number> {
  const { asset, path } = await findLocal(localPlaceOf(flags), registryPath)
  const shown = {
    registry_path: asset.registryPath,
    path,
    genome: asset.genome,
    asset: asset.asset,
    tag: asset.tag,
    form: asset.form,
    seek_keys: asset.seekKeys,
    asset_digest: asset.assetDigest ?? null,
    archive_digest: asset.record?.archive.md5 ?? null,
  }
  process.stdout.write(flags.json === true ? `${JSON.stringify(shown, null, 2)}\n` : `${path}\n`)
  return EXIT.ok
}
