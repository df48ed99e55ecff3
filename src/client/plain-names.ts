/** What a server calls things becomes names of folders here: only plain names may. */
import { parseRegistryPath } from '../domain/registry-path.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import type { RemoteAsset } from './remote-asset.ts'

const WORD = /^[0-9A-Za-z_-]+$/
// Genome, asset and tag as registry paths have them. Dots in front would be hidden files, or lead up.
const TAG = /^[0-9A-Za-z_,|+()-][0-9A-Za-z_.,|+()-]*$/
const HEX_MD5 = /^[0-9a-f]{32}$/
// Longest name that file systems take, less what is put behind it here.
const MOST = 200

/** True for what may be the name of a genome: letters, digits, dash and underscore. */
export function isPlainWord(name: string): boolean {
  return WORD.test(name) && name.length <= MOST && name !== '__proto__'
}

/** True for what may be the name of a tag. */
export function isPlainTag(name: string): boolean {
  return TAG.test(name) && name.length <= MOST && name !== '__proto__'
}

/** True for a path that stays in its folder: what seek keys lead to. */
function isInnerPath(path: string): boolean {
  if (path === '.') return true
  const parts = path.replace(/\/$/, '').split('/')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what no path may have
  return !/[\u0000-\u001f\\]/.test(path) && parts.every(part => !['', '.', '..'].includes(part))
}

/** The genome as it was asked for: an alias, or its digest. */
export function askedGenome(asset: RemoteAsset): string {
  return parseRegistryPath(asset.registryPath)?.genome ?? asset.genome.digest
}

/**
 * Refuses an asset whose names could lead anywhere but into its own folder.
 *
 * @throws PullRefused naming the name
 */
export function mustBePlain(asset: RemoteAsset): void {
  const refuse = (what: string, name: string) => {
    throw new PullRefused(
      `${asset.server} calls ${what} ${JSON.stringify(name)}, which is no plain name; nothing is fetched`,
    )
  }
  if (!isPlainWord(asset.genome.digest)) refuse('a genome', asset.genome.digest)
  if (!isPlainWord(askedGenome(asset))) refuse('a genome', askedGenome(asset))
  if (!isPlainWord(asset.asset.name)) refuse('an asset', asset.asset.name)
  if (!isPlainTag(asset.tag)) refuse('a tag', asset.tag)
  if (!HEX_MD5.test(asset.archive.md5)) refuse('an archive', asset.archive.md5)
  for (const [key, path] of Object.entries(asset.attributes.seek_keys ?? {})) {
    if (!isPlainWord(key)) refuse('a seek key', key)
    if (!isInnerPath(path)) refuse(`the place of the seek key ${key}`, path)
  }
  for (const parent of asset.attributes.asset_parents ?? []) {
    const { genome, tag, asset: name } = parseRegistryPath(parent) ?? { asset: '' }
    if (genome === undefined || tag === undefined || !isPlainWord(name) || !isPlainTag(tag))
      refuse('a parent', parent)
  }
}
