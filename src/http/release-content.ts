/** Releases as answers: JSON values and a table. */

import { NotInCatalogue } from '../domain/errors.ts'
import { diffReleases, type Release, type ReleaseEntry } from '../domain/release.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { knownSuccessor } from './withdrawn.ts'

/** Makes absolute URLs of paths. */
type Absolute = (path: string) => string

/** What has become of an archive of a release. */
export interface ReleaseEntryState {
  /** True when this server serves the archive now. */
  readonly available: boolean
  readonly withdrawn: {
    readonly reason: string
    readonly at: string
    readonly successor: string | null
  } | null
}

/**
 * The release of a name.
 *
 * @throws NotInCatalogue
 */
export function releaseNamed({ releases }: VisibleGeneration, name: string): Release {
  const release = releases.all.get(name)
  if (release !== undefined) return release
  throw new NotInCatalogue(
    'unknown-release',
    name,
    `there is no release '${name}' here; see /releases`,
  )
}

/** The JSON of a release in a list. */
export function releaseSummary(release: Release, absolute: Absolute): object {
  const { name, description, created, generation, entries } = release
  const url = absolute(`/releases/${name}`)
  return { name, description, created, generation, entry_count: entries.length, url }
}

/** The JSON of a release. */
export function releaseRecord(
  generation: VisibleGeneration,
  release: Release,
  absolute: Absolute,
): object {
  const { name, description, created, entries } = release
  return {
    name,
    description,
    created,
    generation: release.generation,
    entries: entries.map(entry => entryRecord(generation, entry, absolute)),
  }
}

/** The JSON of what differs between two releases. */
export function diffRecord(
  generation: VisibleGeneration,
  from: Release,
  to: Release,
  absolute: Absolute,
): object {
  const { added, removed, changed } = diffReleases(from.entries, to.entries)
  const record = (entry: ReleaseEntry) => entryRecord(generation, entry, absolute)
  return {
    from: from.name,
    to: to.name,
    added: added.map(record),
    removed: removed.map(record),
    changed: changed.map(pair => ({
      registry_path: pair.to.registry_path,
      from: record(pair.from),
      to: record(pair.to),
    })),
  }
}

/** The JSON of one archive of a release, with what has become of it. */
function entryRecord(
  generation: VisibleGeneration,
  entry: ReleaseEntry,
  absolute: Absolute,
): object {
  const { registry_path, genome, asset, tag, asset_digest, archive } = entry
  return {
    registry_path,
    genome,
    asset,
    tag,
    asset_digest,
    archive: { ...archive, url: absolute(`/archives/${archive.md5}`) },
    ...stateOf(generation, entry),
  }
}

const COLUMNS =
  'registry_path\talias\tasset\ttag\tasset_digest\tmd5\tsha256\tsize\tavailable\twithdrawn'

/** A release as a table: a line of names, then a line an archive, with tabs between. */
export function releaseTable(generation: VisibleGeneration, release: Release): string {
  const rows = release.entries.map(entry => {
    const { available, withdrawn } = stateOf(generation, entry)
    const { registry_path, genome, asset, tag, asset_digest, archive } = entry
    const [alias = ''] = genome.aliases
    const { md5, sha256, size } = archive
    const cells = [registry_path, alias, asset, tag, asset_digest, md5, sha256, size, available]
    return [...cells, withdrawn?.reason ?? '']
      .map(cell => String(cell).replace(/\s/g, ' '))
      .join('\t')
  })
  return `${[COLUMNS, ...rows].join('\n')}\n`
}

/** What has become of an archive. */
export function stateOf(generation: VisibleGeneration, entry: ReleaseEntry): ReleaseEntryState {
  const { catalogue } = generation
  const { genome, asset, tag, archive } = entry
  const served = catalogue.asset(genome.digest, asset)?.tags.get(tag)
  const gone = catalogue.withdrawn.tag(genome.digest, asset, tag)
  const isGone = gone?.entry.tag.archiveDigest === archive.md5
  return {
    available: served?.archiveDigest === archive.md5,
    withdrawn:
      gone === undefined || !isGone
        ? null
        : {
            reason: gone.withdrawal.reason,
            at: gone.withdrawal.at,
            successor: knownSuccessor(generation, gone.withdrawal) ?? null,
          },
  }
}
