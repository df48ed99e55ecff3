/** Releases as files: `releases/NAME.json` in a store or an archive folder, written once and never changed. */
import type { Static } from '@sinclair/typebox'
import { RELEASE_NAME, type Release } from '../domain/release.ts'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import type { Listed, Store } from '../storage/store.ts'
import { contentOf } from './published.ts'

/** Folder of the releases. */
const FOLDER = 'releases'
const SUFFIX = '.json'
// 20,000 archives need 10 MB; what is far larger is no release.
const MOST_BYTES = 128 * 1024 * 1024

const TEXT = Type.String()
const RELEASE = Type.Object({
  format: Type.Literal('refdepot-release'),
  version: Type.Literal(1),
  name: TEXT,
  description: Type.Union([TEXT, Type.Null()]),
  created: TEXT,
  generation: Type.Union([Type.Integer(), Type.Null()]),
  entries: Type.Array(
    Type.Object({
      registry_path: TEXT,
      genome: Type.Object({ digest: TEXT, aliases: Type.Array(TEXT) }),
      asset: TEXT,
      tag: TEXT,
      asset_digest: TEXT,
      archive: Type.Object({ md5: TEXT, sha256: TEXT, size: Type.Integer({ minimum: 0 }) }),
      controlled: Type.Optional(Type.Boolean()),
      studies: Type.Optional(Type.Array(TEXT)),
    }),
  ),
})

/** The releases of a place. */
export interface ReleaseFiles {
  readonly releases: readonly Release[]
  /** Differs when there are others. */
  readonly listing: string
  /** What could not be read, one sentence each. */
  readonly notes: readonly string[]
}

/** Key of a release. */
export function releaseKey(name: string): string {
  return `${FOLDER}/${name}${SUFFIX}`
}

/** The text of the file of a release. */
export function formatRelease(release: Release): string {
  return `${JSON.stringify(release, null, 1)}\n`
}

/** Reads a release; undefined for what is none of this version, or has another name. */
function parseRelease(text: string, name: string): Release | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!conforms(RELEASE, value)) return undefined
  const release: Static<typeof RELEASE> = value
  return release.name === name ? (release as Release) : undefined
}

/** What is in the folder of releases: another text when there are other ones. They never change, so names and sizes are enough. */
export async function releaseListing(store: Store): Promise<string> {
  return textOf(await filesOf(store))
}

/** The releases of a place. A place that does not let itself be listed serves what was known before: archives need no list. */
export function releasesIn(store: Store, before?: ReleaseFiles): Promise<ReleaseFiles> {
  return readReleases(store, before).catch(error => ({
    releases: before?.releases ?? [],
    listing: before?.listing ?? '',
    notes: [`the releases cannot be read: ${(error as Error).message}`],
  }))
}

/**
 * Reads all releases; those that were read before are not read again.
 *
 * @throws StorageFailed
 */
export async function readReleases(store: Store, before?: ReleaseFiles): Promise<ReleaseFiles> {
  const files = await filesOf(store)
  const listing = textOf(files)
  if (before?.listing === listing) return before
  const known = new Map(before?.releases.map(release => [release.name, release]))
  const listed = new Set(before?.listing.split('\n'))
  const releases: Release[] = []
  const notes: string[] = []
  for (const file of files) {
    const name = file.path.slice(0, -SUFFIX.length)
    const same = listed.has(textOf([file])) ? known.get(name) : undefined
    const release = same ?? (await readRelease(store, name, file.size))
    if (release !== undefined) releases.push(release)
    else notes.push(`${releaseKey(name)} is no release of this version of refdepot; it is left out`)
  }
  return { releases, listing, notes }
}

/**
 * Reads one release; undefined when there is none, or none that can be understood.
 *
 * @throws StorageFailed
 */
export async function readRelease(
  store: Store,
  name: string,
  size = 0,
): Promise<Release | undefined> {
  if (size > MOST_BYTES) return undefined
  const content = await contentOf(store, releaseKey(name))
  return content && parseRelease(content.toString('utf8'), name)
}

async function filesOf(store: Store): Promise<Listed[]> {
  const all = await store.list(FOLDER)
  return all.filter(
    ({ path }) => path.endsWith(SUFFIX) && RELEASE_NAME.test(path.slice(0, -SUFFIX.length)),
  )
}

function textOf(files: readonly Listed[]): string {
  return files.map(({ path, size }) => `${path} ${size}`).join('\n')
}
