/** `outdated`: what a folder or a lock has, compared with what servers have now. */
import { NotInCatalogue, type RefdepotError } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { RemoteFailed } from '../domain/transfer-errors.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { RemoteCatalogue } from './remote-catalogue.ts'

/** What is compared. */
export interface HeldAsset {
  readonly registryPath: string
  /** Digest of the genome. */
  readonly genome: string
  readonly asset: string
  readonly tag: string
  /** md5 of the archive; undefined where it is not known. */
  readonly md5?: string
  /** Of refgenie 0.x. */
  readonly assetDigest?: string
}

/**
 * How it compares: `current`; `changed`: the tag has another archive there; `newer`: the tag is the same, and another one is the default
 * there by now; `gone`: no server has the tag, or it was withdrawn.
 */
type Freshness = 'current' | 'changed' | 'newer' | 'gone'

/** A row of the comparison. */
export interface ComparedAsset {
  readonly registryPath: string
  readonly state: Freshness
  /** md5 of the archive of the tag there; undefined when it is gone. */
  readonly md5?: string
  /** Default tag there; undefined when the asset is gone. */
  readonly defaultTag?: string
}

const PARALLEL = 8

/**
 * Compares each asset with what the servers have.
 *
 * @throws RemoteFailed
 */
export async function compareAssets(
  held: readonly HeldAsset[],
  catalogue: RemoteCatalogue,
): Promise<ComparedAsset[]> {
  const compared = new Array<ComparedAsset>(held.length)
  await inParallel([...held.entries()], PARALLEL, async ([i, asset]) => {
    compared[i] = await compareOne(asset, catalogue)
  })
  return compared
}

async function compareOne(held: HeldAsset, catalogue: RemoteCatalogue): Promise<ComparedAsset> {
  const { registryPath, genome, asset, tag } = held
  const there = await orGone(catalogue.resolve({ genome, asset, tag }))
  if (there === undefined) {
    const instead = await orGone(catalogue.resolve({ genome, asset }))
    return { registryPath, state: 'gone', ...(instead && { defaultTag: instead.tag }) }
  }
  const { defaultTag } = there.asset
  const state = !isSame(held, there) ? 'changed' : defaultTag === tag ? 'current' : 'newer'
  return { registryPath, state, md5: there.archive.md5, defaultTag }
}

/** By the archive where it is known, else by the digest that the Python client keeps; what has none is taken for the same. */
function isSame({ md5, assetDigest }: HeldAsset, { archive, attributes }: RemoteAsset): boolean {
  if (md5 !== undefined) return md5 === archive.md5
  return assetDigest === undefined || assetDigest === attributes.asset_digest
}

async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    const { fault } = error as RemoteFailed
    if (error instanceof NotInCatalogue || fault === 'gone') return undefined
    throw error as RefdepotError
  }
}
