import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget, selectTags } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { type PushStore, rollBack } from '../../src/archive/publish-generation.ts'
import { currentGeneration, readPublished } from '../../src/archive/published.ts'
import { type PushEvent, pushArchives } from '../../src/archive/push-archives.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import { ShortRead } from '../../src/domain/errors.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import type { ByteRange, Store, StoredObject } from '../../src/storage/store.ts'
import { noise } from '../support/content-shapes.ts'
import { archive } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'

async function archived(t: Test) {
  const made = await genomeFolder(t, {
    ...USUAL,
    'big:default': { files: { 'big.bin': noise(9_000_000) } },
  })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const place = join(made.archiveFolder, '..', 'store')
  const to: PushStore = { place, ...(await openWritableStore(place)) }
  const push = async (paths: string[] = [], store = to) => {
    const target = await openServerTarget(made.config)
    const events: PushEvent[] = []
    const entries = selectTags(target.source.genomes, paths).filter(({ tag }) => tag.archived)
    const onEvent = (event: PushEvent) => events.push(event)
    const result = await pushArchives(target, entries, store, { onEvent })
    return { ...result, events }
  }
  return { made, place, to, push }
}

t.test('archives are copied once and published as generations', async t => {
  const { push, place, to, made } = await archived(t)
  t.match(await push(['t7/fasta']), { generation: 1, pushed: 1, present: 0 })
  t.match(await push(['t7/fasta']), {
    generation: 1,
    pushed: 0,
    present: 1,
    events: [{ action: 'present', sent: 0 }],
  })
  await rm(join(made.archiveFolder, T7, 'build_log_big__default.md'))
  t.match(await push(), { generation: 2, pushed: 2, present: 1 })
  const { config, generation } = await readPublished(to.store, place)
  t.equal(generation, 2)
  t.same([...(config.genomes[0]?.assets.keys() ?? [])].sort(), ['big', 'bwa_index', 'fasta'])
  t.match(config.genomes[0], { aliases: ['t7', 'phage-seven'], description: 'Phage' })
  const [digest = ''] = (await readdir(join(place, 'archives'))).filter(name => name.length === 32)
  const names = await readdir(join(place, 'archives', digest))
  t.equal(
    names.filter(name =>
      /\.tgz$|\.index\.json$|build_log|build_recipe|asset_dir_contents/.test(name),
    ).length,
    5,
  )
  // The same content under another name of its genome is another generation of the config, and no byte more.
  await made.rewrite(raw => raw.genomes?.[T7]?.aliases?.push('seventh'))
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const renamed = await push()
  t.match(renamed, { generation: 3, pushed: 3 }, 'indexes have changed: they have a view more')
  t.match(await push(), { generation: 3, pushed: 0 })
})

t.test(
  'a store is served without config or archive folder, and follows its generations',
  async t => {
    const { push, place, to } = await archived(t)
    await push(['t7/fasta'])
    const depot = await Depot.open({ store: place })
    t.teardown(() => depot.close())
    t.match(depot.current, { archiveFolder: place, configFile: `${place}/generations/000001.yaml` })
    t.same(await depot.check(), [])
    const entry = depot.current.catalogue.entry('t7', 'fasta') as CatalogueEntry
    const { md5 } = await depot.current.folder.digests(entry, 'stored')
    t.equal(md5, entry.tag.archiveDigest, 'digests are those of the index')
    const log = await depot.current.folder.sideFile(entry, 'log', 'stored')
    t.equal(log?.size, 6)
    await log?.close()
    const file = `archives/${md5}/fasta__default.tgz.index.json`
    await rename(join(place, file), join(place, `${file}.away`))
    t.same(
      (await depot.current.folder.files(entry)).map(({ path }) => path).length,
      3,
      'without its index it is read from its begin',
    )
    await rename(join(place, `${file}.away`), join(place, file))
    const before = await depot.sourceState()
    await push()
    t.not((await depot.sourceState()).text, before.text)
    const { store, shelf } = depot.current
    await depot.reload()
    t.equal(depot.current.catalogue.archiveCount, 3)
    t.equal(depot.current.store, store)
    t.equal(depot.current.shelf, shelf)
    await writeFile(join(place, 'generations/notes.txt'), 'not a generation')
    t.same(await rollBack(to), { generation: 1, from: 1, stillWithdrawn: [] })
    await depot.reload()
    t.equal(depot.current.catalogue.archiveCount, 1)
    t.match(await rollBack(to, 2), { generation: 2 })
    await t.rejects(rollBack(to, 9), { code: 'push-refused', message: /there is no generation 9/ })
    await rm(join(place, 'generations/000002.yaml'))
    await t.rejects(depot.reload(), {
      code: 'config-unreadable',
      message: /000002\.yaml: it is missing/,
    })
    t.equal(depot.current.catalogue.archiveCount, 1, 'the old one stays')
    await t.rejects(push(), { code: 'push-refused', message: /the generation is missing/ })
    await writeFile(join(place, 'current.json'), '{"format": 2}')
    await t.rejects(currentGeneration(to.store, place), {
      code: 'config-invalid',
      message: /current\.json: is no pointer of this version/,
    })
    await writeFile(join(place, 'current.json'), 'x')
    await t.rejects(depot.reload(), { code: 'config-invalid' })
    await rm(join(place, 'current.json'))
    t.match(await push(['t7/fasta']), { generation: 2 }, 'the number after those that are there')
    const nothing = { place, ...(await openWritableStore(join(place, 'elsewhere'))) }
    await t.rejects(rollBack(nothing), { code: 'push-refused', message: /nothing is published/ })
    await t.rejects(readPublished(nothing.store, 'elsewhere'), {
      code: 'config-unreadable',
      message: /cannot read the store elsewhere: nothing is published there; run `refdepot push`/,
    })
  },
)

t.test('what is damaged, missing or not ours is not published', async t => {
  const { push, place, made } = await archived(t)
  const path = archive(made, 'big')
  await copyFile(path, `${path}.good`)
  const bytes = await readFile(path)
  bytes[8_500_000] = (bytes[8_500_000] as number) ^ 1
  await writeFile(path, bytes)
  await t.rejects(push(['t7/big']), {
    code: 'push-damaged',
    message:
      /big:default is not published: its archive is damaged in the 4 MiB chunk 2 \(counted from 0\)/,
  })
  t.notOk(
    (await readdir(place, { recursive: true })).some(name => /\.(?:tgz|yaml|part)$/.test(name)),
  )
  await copyFile(`${path}.good`, path)
  const index = await readFile(`${path}.index.json`, 'utf8')
  const { md5 } = JSON.parse(index).archive
  await writeFile(`${path}.index.json`, index.replace(md5, '0'.repeat(32)))
  await t.rejects(push(['t7/big']), { code: 'push-refused', message: /not the one of the config/ })
  await rm(`${path}.index.json`)
  await t.rejects(push(['t7/big']), {
    code: 'push-refused',
    message: /no member index; repack it with `refdepot archive import`/,
  })
  await rm(path)
  await t.rejects(push(['t7/big']), { code: 'push-refused', message: /its archive is missing/ })
})

t.test('a pointer that is written anew while it is read is read once more', async t => {
  const { store } = await openWritableStore(
    t.testdir({ 'current.json': '{"format": 1, "generation": 7, "previous": 6}' }),
  )
  let replaced = 0
  const changing = (times: number): Store => ({
    open: async key => {
      const object = (await store.open(key)) as StoredObject
      const bytes = async (range: ByteRange) => {
        replaced += 1
        if (replaced <= times) throw new ShortRead(key, 0, range.end)
        return object.bytes(range)
      }
      const { size, modifiedMs, inode } = object
      const close = () => object.close()
      return { key, size, modifiedMs, inode, bytes, close, stream: range => object.stream(range) }
    },
    identify: key => store.identify(key),
    list: folder => store.list(folder),
  })
  t.match(await currentGeneration(changing(2), 'there'), { generation: 7, previous: 6 })
  t.equal(replaced, 3)
  replaced = 0
  await t.rejects(currentGeneration(changing(99), 'there'), { code: 'short-read' })
  t.equal(replaced, 5, 'not for ever')
})

t.test('whoever publishes at the same moment loses nothing', async t => {
  const { push, to, place } = await archived(t)
  const results = await Promise.all([push(['t7/fasta']), push(['t7/bwa_index']), push(['t7/big'])])
  t.equal(new Set(results.map(({ generation }) => generation)).size, 3)
  const { config } = await readPublished(to.store, place)
  t.equal(config.genomes[0]?.assets.size, 3)
  // Somebody who is always quicker.
  const { upload } = to.writer
  const beaten: PushStore = {
    ...to,
    writer: { upload: upload.bind(to.writer), put: async () => false },
  }
  await rm(join(place, 'current.json'))
  await t.rejects(push(['t7/fasta'], beaten), { code: 'push-conflict' })
  const late: PushStore = {
    ...to,
    writer: {
      upload: to.writer.upload.bind(to.writer),
      put: async (key, content, condition) =>
        key === 'current.json' ? false : to.writer.put(key, content, condition),
    },
  }
  await t.rejects(push(['t7/fasta'], late), { code: 'push-conflict', message: /push again/ })
  await push(['t7/fasta'])
  await push(['t7/big'])
  await t.rejects(rollBack(late), { code: 'push-conflict' })
})
