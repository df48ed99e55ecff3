/** The assets of a bundle, as a server would tell of them: so everything that places what is pulled can place them. */

import { INDEX_SUFFIX, type MemberIndex, parseIndex } from '../archive/member-index.ts'
import { contentOf } from '../archive/published.ts'
import { findTag } from '../archive/server-record.ts'
import { filesOfTag } from '../archive/tag-files.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { defaultTagOf, nameOf } from '../domain/genome.ts'
import { tagName } from './mirror-plan.ts'
import type { OpenedBundle } from './open-bundle.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** An asset of a bundle. */
export interface BundledAsset {
  readonly asset: RemoteAsset
  /** Key of its archive in the bundle. */
  readonly archive: string
  /** Undefined for archives of other tools. */
  readonly index?: MemberIndex
}

/** What the server of an asset of a bundle is called in messages and records. */
const SERVER = 'bundle'

/** Every asset of a bundle; its genomes are called by their first alias. Throws StorageFailed. */
export async function bundledAssets(bundle: OpenedBundle): Promise<BundledAsset[]> {
  const assets: BundledAsset[] = []
  for (const entry of bundle.catalogue.entries()) assets.push(await bundledAsset(bundle, entry))
  return assets
}

async function bundledAsset(bundle: OpenedBundle, entry: CatalogueEntry): Promise<BundledAsset> {
  const { store, config, catalogue } = bundle
  const { genome, asset, tag } = entry
  const archive = filesOfTag(entry)[0]?.published ?? ''
  const file = store.files.find(({ key }) => key === archive)
  const text = await contentOf(store, archive + INDEX_SUFFIX)
  const index = text && parseIndex(text.toString('utf8'))
  const parents = tag.parents.flatMap(path => {
    const digest = catalogue.resolve(path)?.tag.assetDigest ?? ''
    return digest === '' ? [] : [[path, digest]]
  })
  const remote: RemoteAsset = {
    server: SERVER,
    registryPath: `${nameOf(genome)}/${asset.name}:${tag.name}`,
    genome: {
      digest: genome.digest,
      aliases: genome.aliases,
      ...(genome.description !== undefined && { description: genome.description }),
    },
    asset: {
      name: asset.name,
      ...(asset.description !== undefined && { description: asset.description }),
      defaultTag: defaultTagOf(asset),
    },
    tag: tag.name,
    attributes: findTag(config, tagName(entry)) ?? {},
    parentDigests: Object.fromEntries(parents),
    archive: {
      md5: tag.archiveDigest,
      size: file?.size ?? 0,
      ...(file && { sha256: file.sha256 }),
      indexed: index !== undefined,
      urls: [],
    },
  }
  return { asset: remote, archive, ...(index && { index }) }
}
