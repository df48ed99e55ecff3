/** `refdepot release`: makes releases, and shows what is in them and between them. */
import { FOLDER_PLACES, PUBLISHED_PLACES } from '../archive/archive-places.ts'
import { healFolder } from '../archive/create-archives.ts'
import { createRelease, type ReleaseSource } from '../archive/create-release.ts'
import { readPublished } from '../archive/published.ts'
import { readRelease, readReleases, releaseKey } from '../archive/releases.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { readPolicy } from '../config/policy.ts'
import { AccessTable } from '../domain/access.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { formatSize } from '../domain/human-size.ts'
import { diffReleases, RELEASE_NAME, type Release, type ReleaseEntry } from '../domain/release.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { openWritableStore } from '../storage/open-store.ts'
import type { Store } from '../storage/store.ts'
import { EXIT } from './exit-codes.ts'
import { openPlace, type PlaceFlags } from './published-place.ts'
import { tableText } from './table.ts'

/** Flags of the commands on releases. */
export interface ReleaseFlags extends PlaceFlags {
  readonly description?: string
  readonly policy?: string
  readonly json?: boolean
}

const LONGEST_DESCRIPTION = 1000

/** Makes a release of what the paths name. */
export async function runReleaseCreate(
  name: string,
  registryPaths: readonly string[],
  flags: ReleaseFlags,
): Promise<number> {
  const description = descriptionOf(flags)
  const source = await sourceOf(flags)
  const { release, made } = await createRelease(source, {
    name,
    registryPaths,
    ...(description !== undefined && { description }),
  })
  const { length } = release.entries
  const said = made ? 'made' : 'is there already'
  print(flags, { ...release, made }, () => `release ${name} ${said}: ${length} archives\n`)
  return EXIT.ok
}

/** Lists the releases. */
export async function runReleaseList(flags: ReleaseFlags): Promise<number> {
  const { releases, notes } = await readReleases(await storeOf(flags))
  const sorted = [...releases].sort((a, b) => byCodePoint(b.created, a.created))
  const rows = sorted.map(({ name, created, generation, entries, description }) => ({
    name,
    created,
    generation,
    entry_count: entries.length,
    description,
  }))
  for (const note of notes) process.stderr.write(`${note}\n`)
  print(flags, rows, () =>
    tableText(
      ['Release', 'Made', 'Generation', 'Archives', 'Description'],
      rows.map(row => [
        row.name,
        row.created.slice(0, 19),
        String(row.generation ?? '-'),
        String(row.entry_count),
        row.description ?? '',
      ]),
    ),
  )
  return EXIT.ok
}

/** Shows what is in a release. */
export async function runReleaseShow(name: string, flags: ReleaseFlags): Promise<number> {
  const release = await releaseNamed(await storeOf(flags), name)
  print(flags, release, () => {
    const rows = release.entries.map(entry => [
      nameOf(entry),
      formatSize(entry.archive.size),
      entry.archive.md5,
      entry.archive.sha256,
    ])
    return tableText(['Archive', 'Size', 'md5', 'sha256'], rows)
  })
  return EXIT.ok
}

/** Shows what differs between two releases. */
export async function runReleaseDiff(
  from: string,
  to: string,
  flags: ReleaseFlags,
): Promise<number> {
  const store = await storeOf(flags)
  const [before, after] = [await releaseNamed(store, from), await releaseNamed(store, to)]
  const diff = diffReleases(before.entries, after.entries)
  print(flags, { from, to, ...diff }, () =>
    [
      ...diff.added.map(entry => `added    ${nameOf(entry)} ${entry.archive.md5}\n`),
      ...diff.removed.map(entry => `removed  ${nameOf(entry)} ${entry.archive.md5}\n`),
      ...diff.changed.map(
        pair => `changed  ${nameOf(pair.to)} ${pair.from.archive.md5} ${pair.to.archive.md5}\n`,
      ),
    ].join(''),
  )
  return EXIT.ok
}

function print({ json }: ReleaseFlags, value: unknown, text: () => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value, null, 2)}\n` : text())
}

function nameOf({ genome, asset, tag }: ReleaseEntry): string {
  return `${genome.aliases[0] ?? genome.digest}/${asset}:${tag}`
}

async function releaseNamed(store: Store, name: string): Promise<Release> {
  const release = RELEASE_NAME.test(name) ? await readRelease(store, name) : undefined
  if (release !== undefined) return release
  const message = `there is no release '${name}' (${releaseKey('NAME')}); see \`refdepot release list\``
  throw new NotInCatalogue('unknown-release', name, message)
}

/** Where the files of releases lie. */
async function storeOf(flags: ReleaseFlags): Promise<Store> {
  const place = await openPlace(flags)
  if (place.kind === 'store') return place.to.store
  return (await openWritableStore(place.target.archiveFolder)).store
}

async function sourceOf(flags: ReleaseFlags): Promise<ReleaseSource> {
  const { policy: policyFile = '' } = flags
  const policy = policyFile === '' ? {} : { policy: await readPolicy(policyFile) }
  const place = await openPlace(flags)
  if (place.kind === 'store') {
    const { store, writer } = place.to
    const { config, generation } = await readPublished(store, place.to.place)
    const { genomes, marks } = config
    const access = new AccessTable(genomes, { configs: [marks], ...policy })
    return { store, writer, places: PUBLISHED_PLACES, genomes, access, generation }
  }
  const { target } = place
  await healFolder(target)
  const { genomes, marks } = target.source
  const access = new AccessTable(genomes, { configs: [marks], ...policy })
  return {
    ...(await openWritableStore(target.archiveFolder)),
    places: FOLDER_PLACES,
    genomes,
    access,
  }
}

function descriptionOf({ description }: ReleaseFlags): string | undefined {
  if (description === undefined) return undefined
  const said = description.replace(/\s+/g, ' ').trim()
  if (said !== '' && said.length <= LONGEST_DESCRIPTION) return said
  const allowed = `a text of 1 to ${LONGEST_DESCRIPTION} characters`
  throw new SettingInvalid('--description', said.slice(0, 20), allowed)
}
