import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FOLDER_PLACES, PUBLISHED_PLACES } from '../../src/archive/archive-places.ts'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { createRelease, type ReleaseSource } from '../../src/archive/create-release.ts'
import { Depot } from '../../src/archive/depot.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { publishGeneration } from '../../src/archive/publish-generation.ts'
import { readPublished } from '../../src/archive/published.ts'
import { pushArchives } from '../../src/archive/push-archives.ts'
import {
  readRelease,
  readReleases,
  releaseListing,
  releasesIn,
} from '../../src/archive/releases.ts'
import { removeTag } from '../../src/archive/server-record.ts'
import { changeServerConfig } from '../../src/archive/withdraw.ts'
import { withdrawTag } from '../../src/archive/withdrawal-record.ts'
import { AccessTable } from '../../src/domain/access.ts'
import { entriesOf } from '../../src/domain/catalogue.ts'
import type { Release } from '../../src/domain/release.ts'
import { NO_RIGHTS } from '../../src/domain/rights.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'

const text = (content: string) => ({ files: { 'x.txt': content } })

async function archived(t: Test) {
  const made = await genomeFolder(t, {
    'x:v1': text('one'),
    'x:v2': text('two'),
    'y:v1': text('y'),
  })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const folder = async (): Promise<ReleaseSource> => {
    const { source } = await openServerTarget(made.config)
    return {
      ...(await openWritableStore(made.archiveFolder)),
      places: FOLDER_PLACES,
      genomes: source.genomes,
      access: new AccessTable(source.genomes, { configs: [source.marks] }),
    }
  }
  const change = async (raw: Parameters<typeof changeServerConfig>[1]) =>
    changeServerConfig(await openServerTarget(made.config), raw)
  return { made, folder, change }
}

const order = (name: string, ...registryPaths: string[]) => ({ name, registryPaths })
const pathsOf = ({ entries }: Release) => entries.map(entry => entry.registry_path.slice(49))

t.test('a release of an archive folder names what is served, with digests and sizes', async t => {
  const { made, folder, change } = await archived(t)
  await change(config =>
    Object.assign(config.genomes?.[T7]?.assets?.y ?? {}, { study: ['S', 'T'] }),
  )
  const { release, made: isNew } = await createRelease(await folder(), {
    ...order('2026.1'),
    description: 'First',
  })
  t.ok(isNew)
  const file = join(made.archiveFolder, 'releases/2026.1.json')
  t.same(JSON.parse(await readFile(file, 'utf8')), release)
  t.match(release, {
    name: '2026.1',
    description: 'First',
    generation: null,
    created: /^\d{4}-.*Z$/,
  })
  t.same(pathsOf(release), ['x:v1', 'x:v2', 'y:v1'])
  const [first, , last] = release.entries
  const { md5, sha256, size } = await fileDigests(join(made.archiveFolder, T7, 'x__v1.tgz'))
  t.match(first, { genome: { digest: T7, aliases: ['t7', 'phage-seven'] }, asset: 'x', tag: 'v1' })
  t.same(first?.archive, { md5, sha256, size })
  t.notOk('controlled' in (first ?? {}))
  t.match(last, { controlled: true, studies: ['S', 'T'] })
  const some = await createRelease(await folder(), order('some', 't7/y', 't7/x:latest'))
  t.same(pathsOf(some.release), ['x:v2', 'y:v1'])
})

t.test('a release never changes: the same again is fine, anything else is refused', async t => {
  const { made, folder } = await archived(t)
  const first = await createRelease(await folder(), order('r', 't7/x'))
  const again = await createRelease(await folder(), order('r', 't7/x'))
  t.same(again, { release: first.release, made: false })
  const taken = { code: 'release-refused', message: /there is one of this name with other content/ }
  await t.rejects(createRelease(await folder(), order('r', 't7/y')), taken)
  await t.rejects(createRelease(await folder(), { ...order('r', 't7/x'), description: 'x' }), taken)
  await writeFile(join(made.archiveFolder, 'releases/odd.json'), '{}')
  await t.rejects(createRelease(await folder(), order('odd', 't7/x')), taken)
  t.same(await readFile(join(made.archiveFolder, 'releases/odd.json'), 'utf8'), '{}')
})

t.test('what is not there, withdrawn or damaged is in no release', async t => {
  const { made, folder, change } = await archived(t)
  const refused = async (message: RegExp, ...paths: string[]) =>
    t.rejects(createRelease(await folder(), order('r', ...paths)), {
      code: 'release-refused',
      message,
    })
  await t.rejects(createRelease(await folder(), order('../r')), {
    code: 'release-refused',
    message: /its name must be 1 to 64 letters/,
  })
  await t.rejects(createRelease(await folder(), order('r', 't7/none')), { code: 'unknown-asset' })
  await change(config => {
    withdrawTag(config, { genome: T7, asset: 'x', tag: 'v1' }, { reason: 'wrong', at: 'now' })
    const tag = config.genomes?.[T7]?.assets?.x?.tags?.v2
    delete tag?.archive_digest
  })
  await refused(/x:v1 is withdrawn/, 't7/x:v1')
  await refused(/x:v2 is not archived/, 't7/x:v2')
  await refused(/there is nothing archived to be in it/, 't7/x')
  const archive = join(made.archiveFolder, T7, 'y__v1.tgz')
  await rm(`${archive}.index.json`)
  const { release } = await createRelease(await folder(), order('without-index', 't7/y'))
  const { md5, sha256, size } = await fileDigests(archive)
  t.same(release.entries[0]?.archive, { md5, sha256, size }, 'computed where there is no index')
  await appendFile(archive, 'x')
  await refused(/the archive of .*y:v1 is not the one of the config/, 't7/y')
  await rm(archive)
  await refused(/the archive of .*y:v1 is missing/, 't7/y')
})

t.test('a release of a store outlives its generation', async t => {
  const { made } = await archived(t)
  const place = join(made.archiveFolder, '..', 'store')
  const to = { place, ...(await openWritableStore(place)) }
  const target = await openServerTarget(made.config)
  const entries = target.source.genomes.flatMap(genome => [...entriesOf(genome)])
  await pushArchives(target, entries, to, { onEvent: () => {} })
  const { config, generation } = await readPublished(to.store, place)
  const { genomes } = config
  const access = new AccessTable(genomes, { configs: [config.marks] })
  const source = { ...to, places: PUBLISHED_PLACES, genomes, access, generation }
  const depot = await Depot.open({ store: place })
  t.teardown(() => depot.close())
  t.same(depot.current.releases.releases, [])
  const before = await depot.sourceState()
  const { release } = await createRelease(source, order('r'))
  t.equal(release.generation, 1)
  const after = await depot.sourceState()
  t.not(after.text, before.text, 'a new release is noticed')
  t.equal(after.newest, Number.POSITIVE_INFINITY)
  const known = await depot.reload()
  t.same(known.releases.releases, [release])
  t.ok((await depot.sourceState()).newest < Number.POSITIVE_INFINITY)
  await publishGeneration(to, raw => {
    removeTag(raw, { genome: T7, asset: 'x', tag: 'v1' })
  })
  const next = await depot.reload()
  t.equal(next.releaseFiles, known.releaseFiles, 'nothing is read again')
  t.same(next.releases.releases, [release])
  t.same([...next.releases.hiddenFrom(NO_RIGHTS)], [])
})

t.test(
  'files that are no releases are told and left out; what is known is not read again',
  async t => {
    const { made, folder } = await archived(t)
    const source = await folder()
    const { store } = source
    t.same(await readReleases(store), { releases: [], listing: '', notes: [] })
    const { release } = await createRelease(source, order('good', 't7/x'))
    const first = await readReleases(store)
    t.equal(await readReleases(store, first), first)
    const at = (name: string) => join(made.archiveFolder, 'releases', name)
    await writeFile(at('broken.json'), '{')
    await writeFile(at('later.json'), JSON.stringify({ ...release, name: 'later', version: 2 }))
    await writeFile(at('renamed.json'), JSON.stringify(release))
    await writeFile(at('.hidden.json'), JSON.stringify(release))
    await writeFile(at('notes.txt'), 'x')
    const second = await readReleases(store, first)
    t.equal(second.releases.length, 1)
    t.equal(second.releases[0], first.releases[0], 'it was not read again')
    t.same(
      second.notes.map(note => note.split(' ')[0]),
      ['releases/broken.json', 'releases/later.json', 'releases/renamed.json'],
    )
    t.equal(second.listing, await releaseListing(store))
    t.equal(await readRelease(store, 'none'), undefined)
    t.equal(await readRelease(store, 'good', 1e12), undefined, 'nothing so large is a release')
    const depot = await Depot.open({ config: made.config })
    t.teardown(() => depot.close())
    t.match(depot.current.notes.filter(note => /is no release/.test(note)).length, 3)
  },
)

t.test('a place that does not let itself be listed serves what was known before', async t => {
  const { made, folder } = await archived(t)
  const source = await folder()
  await createRelease(source, order('good', 't7/x'))
  const known = await readReleases(source.store)
  const closed = {
    ...source.store,
    list: () => Promise.reject(new Error('access denied')),
  } as never
  t.match(await releasesIn(closed, known), {
    releases: known.releases,
    notes: ['the releases cannot be read: access denied'],
  })
  t.match(await releasesIn(closed), { releases: [], listing: '' })
  const depot = await Depot.open({ config: made.config })
  t.teardown(() => depot.close())
  const before = await depot.sourceState()
  await rm(join(made.archiveFolder, 'releases'), { recursive: true })
  depot.current.store.list = () => Promise.reject(new Error('access denied'))
  t.same(await depot.sourceState(), before, 'which is no change')
})
