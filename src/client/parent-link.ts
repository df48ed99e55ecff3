/**
 * Links to the files of other assets. `refgenie build` links an index to the FASTA file it was made of, and refgenieserver packs such a link as it is: with
 * the absolute path on the machine that built it, where nobody else finds anything. In a genome folder it leads to the same file here.
 */
import { dirname, join, posix, relative } from 'node:path'
import { safePath } from '../transfer/safe-path.ts'
import { isPlainTag, isPlainWord } from './plain-names.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { TargetLayout } from './target-layout.ts'

/**
 * Where a link of an asset leads here; undefined when it is no link to a file of an asset, or when the layout has no place for that.
 *
 * @param path - of the link, below the folder of the asset
 * @param target - as it was packed: `…/data/<genome digest>/<asset>/<tag>/<file>`
 */
export function parentLink(
  layout: TargetLayout,
  asset: RemoteAsset,
  path: string,
  target: string,
): string | undefined {
  const own = layout.placeOf(asset)
  // Relative ones are meant from the place of the asset in a genome folder.
  const absolute = posix.isAbsolute(target)
    ? target
    : posix.join('/data', asset.genome.digest, asset.asset.name, asset.tag, dirname(path), target)
  const [, genome = '', name = '', tag = '', file = ''] =
    /\/data\/([^/]+)\/([^/]+)\/([^/]+)\/([^\0]+)$/.exec(absolute) ?? []
  if (!isPlainWord(genome) || !isPlainWord(name) || !isPlainTag(tag)) return undefined
  const place = layout.placeOfRelative(genome, name, tag)
  return place && relative(join('/', own, dirname(path)), join('/', place, safePath(file)))
}
