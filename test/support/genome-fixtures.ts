/** Builders of genomes for tests, with defaults for everything a test does not care about. */
import { type Asset, type Genome, Tag, type TagAttributes } from '../../src/domain/genome.ts'

/** The two genomes of the example folder. */
export const T7 = '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905'
export const LAMBDA = 'bcb56c8ff34e0bdb094db8bffd245b0a7758e40c8638479e'

/** An archived tag. */
export function aTag(name = 'default', attributes: TagAttributes = {}): Tag {
  return new Tag(name, {
    asset_path: 'fasta',
    asset_digest: 'a'.repeat(32),
    archive_digest: 'b'.repeat(32),
    archive_size: '1.00 KB',
    asset_size: '2.00 KB',
    seek_keys: { fasta: 'x.fa', dir: '.' },
    asset_parents: [],
    asset_children: [],
    ...attributes,
  })
}

/** An asset with the given tags. */
export function anAsset(name = 'fasta', tags: readonly Tag[] = [aTag()], more = {}): Asset {
  return { name, tags: new Map(tags.map(tag => [tag.name, tag])), ...more }
}

/** A genome with the given assets. */
export function aGenome(
  digest = T7,
  assets: readonly Asset[] = [anAsset()],
  more: Partial<Genome> = {},
): Genome {
  return {
    digest,
    aliases: ['t7'],
    folder: digest,
    assets: new Map(assets.map(asset => [asset.name, asset])),
    ...more,
  }
}
