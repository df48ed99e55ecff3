/** Where an asset is, or a file of it. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { NotInCatalogue } from '../domain/errors.ts'
import { parseRegistryPath, type RegistryPath } from '../domain/registry-path.ts'
import { type LocalAsset, type LocalPlace, listLocal } from './local-assets.ts'

/** An asset with the path that was asked for. */
export interface FoundPath {
  readonly asset: LocalAsset
  /** Absolute; a file, a folder, or what the names of several files begin with. */
  readonly path: string
}

/**
 * Finds `genome/asset[.seek_key][:tag]`. In a genome folder a genome that is named by its alias is found in the alias tree, as `refgenie seek` does.
 *
 * @throws NotInCatalogue, also for what a config names but is gone; errors of `listLocal`
 */
export async function findLocal(place: LocalPlace, registryPath: string): Promise<FoundPath> {
  const parsed = parseRegistryPath(registryPath)
  if (parsed?.genome === undefined) {
    throw new NotInCatalogue(
      'unknown-asset',
      registryPath,
      `${registryPath} is no registry path; give genome/asset, genome/asset:tag or genome/asset.seek_key:tag`,
    )
  }
  const found = chosen(await listLocal(place), parsed)
  if (found === undefined) {
    throw new NotInCatalogue('unknown-asset', registryPath, `${registryPath} is not here; pull it`)
  }
  const path = pathIn(found, parsed, registryPath)
  for (const candidate of [inAliasTree(found, parsed, path), path]) {
    if (candidate !== undefined && (await leadsSomewhere(candidate))) {
      return { asset: found, path: candidate }
    }
  }
  throw new NotInCatalogue(
    'unknown-file',
    registryPath,
    `${registryPath} should be ${path}, but nothing is there; pull it again`,
  )
}

/** Unpacked ones first: an archive has no files to seek. */
function chosen(assets: readonly LocalAsset[], path: RegistryPath): LocalAsset | undefined {
  const { genome = '', asset, tag } = path
  const named = assets
    .filter(each => each.asset === asset)
    .filter(each => each.genome === genome || each.aliases.includes(genome))
    .sort((a, b) => rank(a) - rank(b))
  if (tag !== undefined) return named.find(each => each.tag === tag)
  return named.find(each => each.isDefault) ?? named.find(each => each.tag === 'default')
}

function rank({ form, isThere }: LocalAsset): number {
  return (isThere ? 0 : 2) + (form === 'folder' ? 0 : 1)
}

function pathIn({ form, path, seekKeys }: LocalAsset, asked: RegistryPath, text: string): string {
  if (asked.seekKey === undefined) return path
  const inner = seekKeys[asked.seekKey]
  if (form === 'archive' || inner === undefined) {
    const keys = form === 'archive' ? [] : Object.keys(seekKeys)
    throw new NotInCatalogue(
      'unknown-seek-key',
      text,
      form === 'archive'
        ? `${path} is an archive; pull the asset without --archive to find files in it`
        : `${text} has no such seek key; it has ${keys.join(', ')}`,
    )
  }
  return inner === '.' ? path : join(path, inner)
}

function inAliasTree(asset: LocalAsset, asked: RegistryPath, path: string): string | undefined {
  const { genomeFolder, genome, aliases, form } = asset
  const alias = asked.genome ?? ''
  if (genomeFolder === undefined || form === 'archive' || !aliases.includes(alias)) return undefined
  const inner = path.slice(asset.path.length).replaceAll(genome, alias)
  return join(genomeFolder, 'alias', alias, asset.asset, asset.tag) + inner
}

/** Indexes are named by what the names of their files begin with. */
async function leadsSomewhere(path: string): Promise<boolean> {
  // Follows links: one of the alias tree may have lost its target.
  if (await stat(path).catch(() => undefined)) return true
  const names = await readdir(dirname(path)).catch(() => [])
  return names.some(name => name.startsWith(basename(path)))
}
