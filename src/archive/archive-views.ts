/** Computes the digests of an archive's views: a pass of hashing over the packed bytes, never a compression. */
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { legacyNaming, v4Naming } from './archive-layout.ts'
import { missingAliases } from './archive-plan.ts'
import type { ArchivePool } from './archive-pool.ts'
import { v4AssetDigestOf } from './asset-digests.ts'
import type { MemberIndex, ViewDigests } from './member-index.ts'

/** What views are made of. */
export interface ViewsOrder {
  readonly entry: CatalogueEntry
  /** Absolute path of the archive. */
  readonly archive: string
  readonly index: MemberIndex
  /** Digest of the genome's sequence collection; undefined while it is not known. */
  readonly collection: string | undefined
  readonly pool: ArchivePool
}

/** The index with every view that the genome's aliases and sequences ask for; views that it has already stay. */
export async function withViews(order: ViewsOrder): Promise<MemberIndex> {
  const { entry, archive, index, collection, pool } = order
  const digests = (naming: Parameters<typeof pool.viewDigests>[0]['naming']) =>
    pool.viewDigests({ archive, index: { entries: index.entries, genome: index.genome }, naming })
  const missing = missingAliases(entry, index)
  const [v4, ...views] = await Promise.all([
    collection === undefined ? index.views.v4 : v4View(order, collection, digests),
    ...missing.map(alias => digests(legacyNaming(index.asset, alias))),
  ])
  // In the order of the aliases, whichever was ready first: an index is the same on every machine.
  const added = missing.map((alias, i) => [alias, views[i] as ViewDigests] as const)
  const legacy = { ...index.views.legacy, ...Object.fromEntries(added) }
  return { ...index, views: { legacy, ...(v4 && { v4 }) } }
}

async function v4View(
  { index }: ViewsOrder,
  collection: string,
  digests: (naming: ReturnType<typeof v4Naming>) => Promise<ViewDigests>,
): Promise<MemberIndex['views']['v4']> {
  if (index.views.v4?.sequence_collection === collection) return index.views.v4
  const assetDigest = v4AssetDigestOf(index, collection)
  const view = await digests(v4Naming(assetDigest, collection))
  return { ...view, asset_digest: assetDigest, sequence_collection: collection }
}
