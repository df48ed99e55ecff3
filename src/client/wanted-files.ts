/** Which files of an archive somebody means: by seek key, or by path. */
import { filesOf, type IndexFile, type MemberIndex } from '../archive/member-index.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { didYouMean } from '../domain/nearest-names.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import { safePath } from '../transfer/safe-path.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** A file in an archive. */
export interface WantedFile {
  /** Below the top folder of the archive. */
  readonly path: string
  /** Bytes, unpacked. */
  readonly size: number
  /** hex */
  readonly sha256: string
  /** Bytes in the archive. */
  readonly packed: number
}

/** The index. Throws PullRefused when there is none: then nobody knows where a file begins. */
export function mustHaveIndex(asset: RemoteAsset, index: MemberIndex | undefined): MemberIndex {
  if (index !== undefined) return index
  throw new PullRefused(
    `${asset.server} has no index of ${asset.registryPath}, so single files cannot be taken out of it; pull the whole asset`,
  )
}

/**
 * The files that seek keys and paths name. A seek key may stand for a folder, or for the begin of several names, as those of aligner indexes do.
 *
 * @throws NotInCatalogue naming what is near
 */
export function wantedFiles(
  asset: RemoteAsset,
  index: MemberIndex,
  names: readonly string[],
): WantedFile[] {
  const files = filesOf(index)
  const seekKeys = asset.attributes.seek_keys ?? {}
  const found = new Map<string, WantedFile>()
  for (const name of names) {
    const path = Object.hasOwn(seekKeys, name) ? (seekKeys[name] as string) : name
    const meant = filesMeant(files, name === 'dir' ? '.' : path)
    if (meant.length === 0)
      throw noFile(
        asset,
        name,
        files.map(file => file.path),
      )
    for (const { path, size, sha256, start, end } of meant) {
      found.set(path, { path: safePath(path), size, sha256, packed: end - start })
    }
  }
  return [...found.values()]
}

function filesMeant(files: readonly IndexFile[], name: string): readonly IndexFile[] {
  if (name === '.') return files
  const exact = files.filter(({ path }) => path === name)
  if (exact.length > 0) return exact
  const folder = name.endsWith('/') ? name : `${name}/`
  return files.filter(({ path }) => path.startsWith(folder) || path.startsWith(`${name}.`))
}

function noFile(asset: RemoteAsset, name: string, paths: readonly string[]): NotInCatalogue {
  const keys = Object.keys(asset.attributes.seek_keys ?? {})
  const near = didYouMean(name, [...keys, ...paths])
  const instead = near === '' ? `; its seek keys are ${keys.join(', ')}` : near
  const message = `${asset.registryPath} has no seek key and no file ${name}${instead}`
  return new NotInCatalogue('unknown-file', name, message)
}
