/** The genomes of a refgenieserver as it tells them all at once: `/_private_api/genomes/dict`. */
import { isGenomeDigest, isMd5 } from '../domain/digest.ts'
import { namesIn, notUnderstood } from './answer-shape.ts'
import type { ListedAsset, ListQuery } from './server-catalogue.ts'

type Dict = Record<string, unknown>

/** Every archived tag of the answer. Throws RemoteFailed when it is something else. */
export function genomesIn(server: string, answer: unknown): ListedAsset[] {
  if (!isDict(answer))
    throw notUnderstood(`${server}/_private_api/genomes/dict`, 'no list of genomes')
  return Object.entries(answer).flatMap(([digest, genome]) => {
    if (!isDict(genome) || !isGenomeDigest(digest)) return []
    const about = text(genome.genome_description)
    const named = {
      digest,
      aliases: namesIn(genome.aliases),
      ...(about !== '' && { description: about }),
    }
    return dicts(genome.assets).flatMap(([name, asset]) =>
      dicts(asset.tags).flatMap(([tag, attributes]) => {
        const md5 = text(attributes.archive_digest)
        if (!isMd5(md5)) return []
        const description = text(asset.asset_description)
        return {
          server,
          genome: named,
          asset: name,
          tag,
          isDefault: asset.default_tag === tag,
          ...(description !== '' && { description }),
          assetDigest: text(attributes.asset_digest),
          archive: { md5, sizeText: text(attributes.archive_size) },
        }
      }),
    )
  })
}

/** True when a listed asset is one of those asked for. */
export function matches(listed: ListedAsset, { genome, asset, words = '' }: ListQuery): boolean {
  const names = [listed.genome.digest, ...listed.genome.aliases]
  if (genome !== undefined && !names.includes(genome)) return false
  if (asset !== undefined && listed.asset !== asset) return false
  const { tag, description = '', assetDigest, archive } = listed
  const about = listed.genome.description ?? ''
  const texts = [...names, about, listed.asset, tag, description, assetDigest, archive.md5]
  const all = texts.join('\n').toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every(word => all.includes(word))
}

function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function dicts(value: unknown): [string, Dict][] {
  const entries = isDict(value) ? Object.entries(value) : []
  return entries.filter((entry): entry is [string, Dict] => isDict(entry[1]))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
