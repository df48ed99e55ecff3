/**
 * `refs.lock`: which archives a folder has, by digest, with all that is needed to have the same again when the servers call them something else
 * by then. JSON with keys and assets in a fixed order, so that it can lie in a repository; `docs/lock.md` tells the form.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Static } from '@sinclair/typebox'
import { type RawTag, TAG_SCHEMA } from '../config/genome-config-schema.ts'
import { StorageFailed } from '../domain/errors.ts'
import { LockRefused } from '../domain/lock-errors.ts'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import { byCodePoint } from '../domain/text-order.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** Name of a lock when none is given. */
export const LOCK_NAME = 'refs.lock'

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })

const ASSET = Type.Object({
  /** As it was asked for. */
  registry_path: Type.String(),
  genome: Type.Object({
    digest: Type.String(),
    aliases: Type.Array(Type.String()),
    description: Type.Optional(Type.String()),
  }),
  asset: Type.String(),
  tag: Type.String(),
  default_tag: Type.String(),
  archive: Type.Object({
    md5: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    sha256: Type.Optional(sha256),
    size: Type.Integer({ minimum: 1 }),
  }),
  /** {@link contentsDigest} of the files. */
  contents: Type.Optional(sha256),
  /** As they stand in a genome config. */
  attributes: TAG_SCHEMA,
})

const LOCK = Type.Object({
  format: Type.Literal('refdepot-lock'),
  version: Type.Literal(1),
  /** Where they were found; others may have them too. */
  servers: Type.Array(Type.String()),
  assets: Type.Array(ASSET),
})

/** A lock. */
export type RefsLock = Static<typeof LOCK>
/** An asset in a lock. */
export type LockedAsset = Static<typeof ASSET>

/** A file of an asset. */
interface ContentFile {
  /** Below the folder of the asset. */
  readonly path: string
  /** hex */
  readonly sha256: string
}

// What of a tag is needed to write it into a genome config; archives have a place of their own.
const KEPT = [
  'asset_digest',
  'asset_parents',
  'asset_path',
  'seek_keys',
  'tag_description',
] as const

/**
 * sha256 over the files of an asset: of lines such as `sha256sum` writes them (digest, two blanks, path), ordered by path. Whoever has the tree can
 * compute it.
 */
export function contentsDigest(files: readonly ContentFile[]): string {
  const sorted = [...files].sort((a, b) => byCodePoint(a.path, b.path))
  const hash = createHash('sha256')
  for (const { path, sha256 } of sorted) hash.update(`${sha256}  ${path}\n`)
  return hash.digest('hex')
}

/** The text of a lock; the same assets make the same text. */
export function lockText(servers: readonly string[], assets: readonly LockedAsset[]): string {
  const key = ({ genome, asset, tag }: LockedAsset) => `${genome.digest}/${asset}:${tag}`
  const sorted = [...assets].sort((a, b) => byCodePoint(key(a), key(b)))
  const lock: RefsLock = {
    format: 'refdepot-lock',
    version: 1,
    servers: [...servers],
    assets: sorted,
  }
  return `${JSON.stringify(lock, null, 2)}\n`
}

/** An asset as a lock keeps it. */
export function lockedAsset(asset: RemoteAsset, contents: string | undefined): LockedAsset {
  const { md5, sha256, size } = asset.archive
  const { digest, aliases, description } = asset.genome
  return {
    registry_path: asset.registryPath,
    genome: {
      digest,
      aliases: [...aliases].sort(byCodePoint),
      ...(description !== undefined && { description }),
    },
    asset: asset.asset.name,
    tag: asset.tag,
    default_tag: asset.asset.defaultTag,
    archive: { md5, ...(sha256 !== undefined && { sha256 }), size },
    ...(contents !== undefined && { contents }),
    attributes: keptOf(asset.attributes),
  }
}

function keptOf(attributes: RawTag): RawTag {
  const kept: RawTag = {}
  for (const key of KEPT) {
    const value = attributes[key]
    if (value == null) continue
    Object.assign(kept, {
      [key]: key === 'seek_keys' ? ordered(attributes.seek_keys ?? {}) : value,
    })
  }
  return kept
}

function ordered(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => byCodePoint(a, b)))
}

/**
 * Reads a lock.
 *
 * @throws StorageFailed, LockRefused
 */
export async function readLock(path: string): Promise<RefsLock> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw new StorageFailed(path, error)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new LockRefused(`${path} is no lock: ${(error as Error).message}`)
  }
  if (!conforms(LOCK, value)) {
    throw new LockRefused(
      `${path} is no lock of this version of refdepot; make it anew with \`refdepot lock\``,
    )
  }
  return value
}
