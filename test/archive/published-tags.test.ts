import { readFileSync, writeFileSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget, selectTags } from '../../src/archive/archive-target.ts'
import { ContentIndex } from '../../src/archive/content-index.ts'
import { createArchives, planImport } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { checkFolder } from '../../src/archive/folder-check.ts'
import {
  type PushStore,
  publishGeneration,
  rollBack,
} from '../../src/archive/publish-generation.ts'
import { generationKey, readPublished } from '../../src/archive/published.ts'
import { type PushEvent, type PushOptions, pushArchives } from '../../src/archive/push-archives.ts'
import { removeArchives } from '../../src/archive/remove-archives.ts'
import { findTag } from '../../src/archive/server-record.ts'
import { changeServerConfig, nameOfEntry, oneTag } from '../../src/archive/withdraw.ts'
import { carryWithdrawals, restoreTag, withdrawTag } from '../../src/archive/withdrawal-record.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { rawConfigIn } from '../../src/config/raw-config.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type GenomeFolder, genomeFolderIn } from '../support/genome-folder.ts'

const content = (text: string) => ({ files: { 'x.txt': text } })
const AT = '2026-01-02T00:00:00.000Z'

/** Machines with different content under the same names, and a store. */
async function machines(t: Test) {
  const top = t.testdir({})
  const place = join(top, 'store')
  const to: PushStore = { place, ...(await openWritableStore(place)) }
  const machine = async (name: string, spec: Record<string, string>) => {
    const tags = Object.fromEntries(Object.entries(spec).map(([tag, text]) => [tag, content(text)]))
    const made = await genomeFolderIn(join(top, name), tags)
    await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
    return made
  }
  return { top, place, to, machine }
}

async function push(
  made: GenomeFolder,
  to: PushStore,
  paths: string[] = [],
  options: Partial<PushOptions> = {},
) {
  const target = await openServerTarget(made.config)
  const events: PushEvent[] = []
  const entries = selectTags(target.source.genomes, paths).filter(({ tag }) => tag.archived)
  const onEvent = (event: PushEvent) => events.push(event)
  const result = await pushArchives(target, entries, to, { onEvent, ...options })
  return { ...result, events }
}

const x = (tag = 'default') => ({ genome: T7, asset: 'x', tag })
const publishedTag = async (to: PushStore, tag = 'default') => {
  const { text } = await readPublished(to.store, to.place)
  return findTag(rawConfigIn(text, 'store'), x(tag))
}
const withdraw = (to: PushStore, tag: string, more: object = {}) =>
  publishGeneration(to, config => withdrawTag(config, x(tag), { reason: 'wrong', at: AT, ...more }))
const filesIn = async (place: string) =>
  (await readdir(place, { recursive: true }).catch(() => [])).filter(name => name.endsWith('.tgz'))

t.test(
  'a published tag keeps its archive: other content is refused before anything is sent',
  async t => {
    const { to, place, machine } = await machines(t)
    const first = await machine('first', { 'x:default': 'one' })
    const second = await machine('second', { 'x:default': 'two', 'x:v2': 'new', 'y:default': 'y' })
    await push(first, to)
    const before = await publishedTag(to)
    const mine = await openServerTarget(second.config)
    const [entry] = selectTags(mine.source.genomes, ['t7/x:default'])
    const error = await push(second, to).catch(it => it)
    t.match(error, { code: 'tag-immutable', registryPath: `${T7}/x:default` })
    t.match(error.message, `published with the archive ${before?.archive_digest} and stays so`)
    t.match(error.message, `the archive ${entry?.tag.archiveDigest} has other files`)
    t.match(error.message, /publish it under a new tag, and withdraw the old one/)
    t.equal((await filesIn(place)).length, 1, 'nothing was sent')
    t.match(await push(second, to, ['t7/x:v2', 't7/y']), { generation: 2, pushed: 2 })
    t.match(await push(first, to), { generation: 2, pushed: 0, present: 1 })
    t.same(await publishedTag(to), before)
    await rm(join(second.archiveFolder, T7, 'x__default.tgz'))
    await t.rejects(push(second, to), { code: 'tag-immutable' }, 'what is gone cannot be compared')
  },
)

t.test(
  'the same files in another archive are there already, and the published one stays',
  async t => {
    const { to, place, machine } = await machines(t)
    const made = await machine('first', { 'x:default': 'one' })
    await push(made, to)
    // As if an older packer had made what is published.
    const digest = (await publishedTag(to))?.archive_digest as string
    const other = 'f'.repeat(32)
    const name = 'x__default.tgz.index.json'
    await cp(join(place, 'archives', digest), join(place, 'archives', other), { recursive: true })
    await rm(join(place, 'archives', digest), { recursive: true })
    const index = join(place, 'archives', other, name)
    await writeFile(index, (await readFile(index, 'utf8')).replace(digest, other))
    const config = join(place, generationKey(1))
    await writeFile(config, (await readFile(config, 'utf8')).replace(digest, other))
    await made.rewrite(raw => Object.assign(raw.genomes?.[T7] ?? {}, { licence: 'MIT' }))
    await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
    t.match(await push(made, to), { generation: 2, pushed: 0, present: 1 }, 'what is said is news')
    t.match((await readPublished(to.store, place)).config.genomes[0]?.provenance, {
      licence: 'MIT',
    })
    t.match(await publishedTag(to), { archive_digest: other })
    t.equal((await filesIn(place)).length, 1)
    for (const change of [
      (text: string) => text.replace(/"sha256":"\w{4}(\w{60})","md5"/, '"sha256":"0000$1","md5"'),
      (text: string) => text.replace('"path":"x.txt"', '"path":"y.txt"'),
      (text: string) => text.replace('"path":"x.txt",', '"path":"x.txt","executable":true,'),
      (text: string) =>
        text.replace('"entries":[', '"entries":[{"type":"link","path":"l","target":"x.txt"},'),
      (text: string) => text.replace('"entries":[', '"entries":[{"type":"folder","path":"f"},'),
      (text: string) =>
        text.replace(
          /"entries":\[.*\],"views"/,
          '"entries":[{"type":"link","path":"l","target":"x"}],"views"',
        ),
      (text: string) =>
        text.replace(
          /"entries":\[.*\],"views"/,
          '"entries":[{"type":"folder","path":"f"}],"views"',
        ),
      () => 'no index',
    ]) {
      const text = await readFile(index, 'utf8')
      await writeFile(index, change(text))
      await t.rejects(push(made, to), { code: 'tag-immutable' }, change(text).slice(0, 80))
      await writeFile(index, text)
    }
    await rm(index)
    await t.rejects(
      push(made, to),
      { code: 'tag-immutable' },
      'what cannot be compared is not the same',
    )
  },
)

t.test('what was archived anew while it was pushed is not published unseen', async t => {
  const { to, place, machine } = await machines(t)
  const made = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  const onEvent = () => {
    const text = readFileSync(made.serverConfig, 'utf8')
    writeFileSync(
      made.serverConfig,
      text.replace(/archive_digest: \w{32}/, `archive_digest: ${'f'.repeat(32)}`),
    )
  }
  await t.rejects(push(made, to, ['t7/x:v1'], { onEvent }), {
    code: 'push-refused',
    message: /x:v1 is not published: it was archived anew while it was pushed; push again/,
  })
  t.notOk((await readdir(place)).includes('current.json'))
})

t.test('of two machines that publish different content at once exactly one wins', async t => {
  const { to, machine } = await machines(t)
  const first = await machine('first', { 'x:default': 'one' })
  const second = await machine('second', { 'x:default': 'two' })
  // The first one publishes between the second one's look and its attempt.
  let wins: Promise<unknown> | undefined
  const late: PushStore = {
    ...to,
    writer: {
      upload: to.writer.upload.bind(to.writer),
      put: async (key, text, condition) => {
        if (key === 'current.json') wins ??= push(first, to)
        await wins
        return to.writer.put(key, text, condition)
      },
    },
  }
  await t.rejects(push(second, late), { code: 'tag-immutable' })
  t.match(await wins, { pushed: 1 })
  const theirs = (await openServerTarget(first.config)).source.genomes
  const digest = oneTag(theirs, 't7/x:default').tag.archiveDigest
  t.match(await publishedTag(to), { archive_digest: digest })
  const results = await Promise.allSettled([push(first, to, []), push(second, to)])
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

t.test('the word latest is no name of a tag, and means the one that was pushed last', async t => {
  const { to, place, machine } = await machines(t)
  const made = await machine('first', { 'x:b': 'one', 'x:a': 'two', 'y:latest': 'y' })
  await t.rejects(push(made, to), {
    code: 'push-refused',
    message: /y:latest is not published: 'latest' means the tag that was published last/,
  })
  await push(made, to, ['t7/x:b'])
  const { published_at } = (await publishedTag(to, 'b')) ?? {}
  t.match(published_at, /^\d{4}-\d\d-\d\dT.*Z$/)
  while (new Date().toISOString() === published_at) await new Promise(done => setTimeout(done, 2))
  await push(made, to, ['t7/x:a'])
  const depot = await Depot.open({ store: place })
  t.teardown(() => depot.close())
  const { catalogue } = depot.current
  t.equal(catalogue.entry('t7', 'x', 'latest')?.tag.name, 'a', 'config order alone would say b')
  t.notOk('published_at' in (catalogue.entry('t7', 'x', 'a')?.tag.attributes ?? {}))
  await push(made, to, ['t7/x:b'])
  await depot.reload()
  t.equal(
    depot.current.catalogue.entry('t7', 'x', 'latest')?.tag.name,
    'a',
    'pushed again is not published again',
  )
  const genomes = (await openServerTarget(made.config)).source.genomes
  t.same(
    selectTags(genomes, ['t7/x:latest']).map(({ tag }) => tag.name),
    ['b'],
  )
  t.same(
    selectTags(genomes, ['t7/y:latest']).map(({ tag }) => tag.name),
    ['latest'],
  )
})

t.test('what lost its archive in a store has no files: there is no unpacked copy', async t => {
  const { to, place, machine } = await machines(t)
  await push(await machine('first', { 'x:a': 'one' }), to)
  await rm(join(place, 'archives'), { recursive: true })
  const depot = await Depot.open({ store: place })
  t.teardown(() => depot.close())
  const { catalogue, folder } = depot.current
  const entry = catalogue.entry('t7', 'x', 'a') as CatalogueEntry
  t.same(await folder.files(entry), [])
  await t.rejects(folder.file(entry, 'x.txt'), { code: 'unknown-file' })
  await t.rejects(folder.archive(entry, 'stored'), { code: 'archive-missing' })
})

t.test('a withdrawn tag keeps its name, and pushing it again does not bring it back', async t => {
  const { to, place, machine } = await machines(t)
  const first = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  await push(first, to)
  t.equal(await withdraw(to, 'v1', { successor: x('v2') }), 2)
  t.match(await publishedTag(to, 'v1'), {
    withdrawn: { reason: 'wrong', at: AT, successor: `${T7}/x:v2` },
  })
  t.match(await push(first, to), {
    generation: 2,
    present: 1,
    withdrawn: 1,
    events: [{ action: 'withdrawn', sent: 0 }, { action: 'present' }],
  })
  const second = await machine('second', { 'x:v1': 'other' })
  await t.rejects(push(second, to), { code: 'tag-immutable' })
  const depot = await Depot.open({ store: place })
  t.teardown(() => depot.close())
  t.equal(depot.current.catalogue.entry('t7', 'x', 'v1'), undefined)
  t.match(depot.current.catalogue.withdrawnEntry('t7', 'x', 'v1'), {
    withdrawal: { reason: 'wrong' },
  })
  await depot.check()
  const digest = (await publishedTag(to, 'v1'))?.archive_digest as string
  t.equal(depot.current.folder.contents.archives(digest).length, 1, 'its digests stay known')
  await rm(join(place, 'archives', digest), { recursive: true })
  t.same(await depot.check(), [], 'nobody misses its archive')
  t.equal(
    await publishGeneration(to, config =>
      withdrawTag(config, x('v1'), { reason: 'still', at: 'later' }),
    ),
    3,
  )
  t.match(await publishedTag(to, 'v1'), { withdrawn: { reason: 'still', at: AT } })
  await publishGeneration(to, config => restoreTag(config, x('v1')))
  t.notOk('withdrawn' in ((await publishedTag(to, 'v1')) ?? {}))
})

t.test('what cannot be withdrawn is refused by name', async t => {
  const { to, machine } = await machines(t)
  const made = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  await push(made, to)
  const no = (tag: string, more: object, error: { code: string; message: RegExp }) =>
    t.rejects(withdraw(to, tag, more), error)
  await no('v9', {}, { code: 'unknown-tag', message: /x:v9 is not published there/ })
  await no('v1', { successor: x('v9') }, { code: 'unknown-tag', message: /x:v9/ })
  await no(
    'v1',
    { successor: x('v1') },
    { code: 'withdrawal-refused', message: /its own successor/ },
  )
  await withdraw(to, 'v2')
  await no(
    'v1',
    { successor: x('v2') },
    { code: 'withdrawal-refused', message: /is withdrawn itself/ },
  )
  await t.rejects(
    publishGeneration(to, config => restoreTag(config, x('v1'))),
    {
      code: 'withdrawal-refused',
      message: /it is not withdrawn/,
    },
  )
  const { genomes } = (await readPublished(to.store, to.place)).config
  t.same(nameOfEntry(oneTag(genomes, 't7/x:v1')), x('v1'))
  for (const path of ['t7/x', 't7']) {
    t.throws(() => oneTag(genomes, path), { code: 'withdrawal-refused', message: /name one tag/ })
  }
  t.throws(() => oneTag(genomes, 't7/x:v9'), { code: 'unknown-tag' })
})

t.test('withdrawals are carried into configs that lack anything', async t => {
  t.same(carryWithdrawals({}, {}), [])
  t.same(
    carryWithdrawals({}, { genomes: { g: null, h: { assets: { a: null, b: {} } }, i: {} } }),
    [],
  )
  const withdrawn = { reason: 'r', at: AT }
  const from: RawConfig = {
    genomes: { g: { assets: { a: { tags: { t: { withdrawn }, u: null } } } } },
  }
  const wanted = { g: { assets: { a: { tags: { t: { withdrawn } } } } } }
  for (const to of [
    {},
    { genomes: { g: {} } },
    { genomes: { g: { assets: { a: {} } } } },
  ] as RawConfig[]) {
    t.same(carryWithdrawals(to, from), ['g/a:t'])
    t.same(to.genomes, wanted)
  }
})

t.test('going back does not bring back what was withdrawn since, unless it is wanted', async t => {
  const { to, machine } = await machines(t)
  const made = await machine('first', { 'x:v1': 'one', 'x:v2': 'two', 'y:v1': 'y' })
  await push(made, to, ['t7/x:v1'])
  await push(made, to)
  await withdraw(to, 'v1')
  await withdraw(to, 'v2')
  await publishGeneration(to, config =>
    withdrawTag(config, { ...x('v1'), asset: 'y' }, { reason: 'r', at: AT }),
  )
  const back = await rollBack(to, 1)
  t.same(back, {
    generation: 6,
    from: 1,
    stillWithdrawn: [`${T7}/x:v1`, `${T7}/x:v2`, `${T7}/y:v1`],
  })
  const { config, generation } = await readPublished(to.store, to.place)
  t.equal(generation, 6)
  const tags = [...(config.genomes[0]?.assets.values() ?? [])].flatMap(({ name, tags }) =>
    [...tags.values()].map(tag => `${name}:${tag.name} ${tag.withdrawal?.reason}`),
  )
  t.same(tags, ['x:v1 wrong', 'x:v2 wrong', 'y:v1 r'], 'their names stay taken')
  t.match(await rollBack(to, 3), { generation: 7, stillWithdrawn: [`${T7}/x:v2`, `${T7}/y:v1`] })
  t.same(await rollBack(to, 2, true), { generation: 2, from: 2, stillWithdrawn: [] })
  t.notOk('withdrawn' in ((await publishedTag(to, 'v1')) ?? {}))
  t.match(await rollBack(to, 5), { generation: 5, from: 5, stillWithdrawn: [] })
  // Genomes that an older generation does not know at all.
  const other: RawConfig = {
    genomes: {
      g: {
        assets: { a: { tags: { t: { archive_digest: 'd', withdrawn: { reason: 'r', at: AT } } } } },
      },
    },
  }
  await publishGeneration(to, config => void Object.assign(config, other))
  await publishGeneration(to, config => {
    delete config.genomes
  })
  await rollBack(to, 8, true)
  t.match(await rollBack(to, 9), { generation: 10, stillWithdrawn: ['g/a:t'] })
})

t.test('what is withdrawn in an archive folder is neither pushed nor made again', async t => {
  const { to, machine } = await machines(t)
  const made = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  const target = await openServerTarget(made.config)
  await changeServerConfig(target, config =>
    withdrawTag(config, x('v1'), { reason: 'wrong', at: AT, successor: x('v2') }),
  )
  t.match(await push(made, to), { pushed: 1, withdrawn: 1 })
  t.equal(await publishedTag(to, 'v1'), undefined)
  const create = async (force = true) =>
    createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1, force })
  t.match(await create(), { archived: 1, skipped: 1 })
  const depot = await Depot.open({ config: made.config })
  t.teardown(() => depot.close())
  t.match(depot.current.catalogue.withdrawnEntry('t7', 'x', 'v1'), { withdrawal: { at: AT } })
  const plan = await planImport(await openServerTarget(made.config), { registryPaths: [] })
  t.same(
    plan.tags.map(({ entry }) => entry.tag.name),
    ['v2'],
  )
  const { configFile, archiveFolder, source } = await openServerTarget(made.config)
  const entries = selectTags(source.genomes, ['t7/x:v1'])
  const removed = await removeArchives({ configFile, archiveFolder, entries, purge: true })
  t.ok(removed.length > 0)
  await t.rejects(stat(removed[0] as string), { code: 'ENOENT' }, 'its files can go')
  await depot.reload()
  t.ok(depot.current.catalogue.withdrawnEntry('t7', 'x', 'v1'), 'its name stays')
  await changeServerConfig(target, config => restoreTag(config, x('v1')))
  t.match(
    await create(false),
    { archived: 1, skipped: 1 },
    'made again, now that it is not withdrawn',
  )
})

t.test('a policy may demand that tags say where they come from', async t => {
  const { to, place, machine } = await machines(t)
  const made = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  const require = ['licence', 'source'] as const
  await t.rejects(push(made, to, [], { require }), {
    code: 'provenance-missing',
    message: /x:v1 does not say licence, source, which the policy requires; add it to the tag/,
  })
  t.same(await filesIn(place), [])
  await made.rewrite(raw => {
    const genome = raw.genomes?.[T7]
    Object.assign(genome ?? {}, { license: 'CC0-1.0' })
    Object.assign(genome?.assets?.x?.tags?.v1 ?? {}, { source: 'https://example.org/x' })
  })
  const failures: string[] = []
  const summary = await createArchives(await openTarget(made.config), {
    registryPaths: [],
    jobs: 1,
    force: true,
    require,
    onEvent: event => {
      if (event.event === 'failed') failures.push(event.error.message)
    },
  })
  t.match(summary, { archived: 1, failed: 1 })
  t.match(failures, [/x:v2 does not say source, which/])
  t.match(await push(made, to, ['t7/x:v1'], { require }), { pushed: 1 })
  const { config } = await readPublished(to.store, place)
  t.match(config.genomes[0], { provenance: { licence: 'CC0-1.0' } })
  t.match(config.genomes[0]?.assets.get('x')?.tags.get('v1')?.attributes, {
    source: 'https://example.org/x',
  })
  await mkdir(join(place, 'empty'))
  const elsewhere = { place, ...(await openWritableStore(join(place, 'empty'))) }
  await t.rejects(push(made, elsewhere, ['t7/x:v2'], { require }), { code: 'provenance-missing' })
})

t.test('a check that is stopped looks after nothing more', async t => {
  const folder = t.testdir({
    'genome_config.yaml': `genomes:
  ${'a'.repeat(48)}:
    assets:
      x:
        tags:
          v1: {archive_digest: ${'0'.repeat(32)}, archive_size: 1 B, withdrawn: {reason: wrong, at: '2026-01-01T00:00:00.000Z'}}
`,
  })
  const depot = await Depot.open({ config: `${folder}/genome_config.yaml`, archiveFolder: folder })
  t.teardown(() => depot.close())
  const { catalogue, store, places, ledger, shelf } = depot.current
  const contents = new ContentIndex()
  const check = { catalogue, store, places, ledger, shelf, contents }
  t.same(await checkFolder({ ...check, signal: AbortSignal.abort() }), [])
  t.same(await checkFolder(check), [], 'an archive that is withdrawn may be gone')
})
