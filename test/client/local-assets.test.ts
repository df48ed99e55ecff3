import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { assetDigestOfFiles, orderedAsDictionary } from '../../src/archive/asset-digests.ts'
import { findLocal } from '../../src/client/find-local.ts'
import { type LocalPlace, listLocal } from '../../src/client/local-assets.ts'
import { openTarget } from '../../src/client/open-target.ts'
import type { Layout } from '../../src/client/pull-target.ts'
import { mustHaveRoom } from '../../src/client/room.ts'
import { verifyLocal } from '../../src/client/verify-local.ts'
import { FASTA_FILES, filledWith, GENOME, remoteAsset } from '../support/remote-asset.ts'

const FA = `${GENOME}.fa`

/** A folder with `t7/fasta` in it, as the default tag and as `v2`. */
async function filledFolder(t: Test, layout: Layout, options: { archive?: boolean } = {}) {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout }, options)
  const fill = options.archive ? (staging: string) => writeFile(staging, 'archive') : filledWith()
  const { path } = await target.place(remoteAsset(), fill)
  const v2 = remoteAsset({ tag: 'v2', archive: { md5: 'b'.repeat(32) } })
  await target.place(v2, fill)
  return { folder, path, target }
}

async function verified(place: LocalPlace, deep = true) {
  const all = []
  for (const asset of await listLocal(place)) {
    const { registryPath, comparison, problems } = await verifyLocal(asset, { deep })
    all.push([registryPath, comparison, ...problems.map(({ kind, path }) => `${kind} ${path}`)])
  }
  return all
}

t.test('every layout lists what was placed, without writing anything', async t => {
  for (const layout of ['refgenie', 'flat', 'digest'] as const) {
    const { folder, path } = await filledFolder(t, layout)
    const before = (await readdir(folder, { recursive: true })).sort()
    const assets = await listLocal({ folder })
    t.match(assets.map(each => each.registryPath).sort(), ['t7/fasta:default', 't7/fasta:v2'])
    const asset = assets.find(each => each.tag === 'default')
    t.match(asset, {
      genome: GENOME,
      asset: 'fasta',
      isDefault: true,
      isThere: true,
      form: 'folder',
      path,
      seekKeys: { fasta: FA },
      record: { server: 'https://refgenomes.org' },
    })
    t.ok(asset?.aliases.includes('t7'))
    t.same((await readdir(folder, { recursive: true })).sort(), before)
  }
})

t.test('a folder that is not there, one that is empty, one with other files', async t => {
  const folder = t.testdir({
    empty: {},
    other: { '.refdepot': { records: { 'a.json': '{}', 'b.json': 'no json', 'c.txt': '' } } },
    blocked: { '.refdepot': { records: 'a file' } },
  })
  await t.rejects(listLocal({ folder: join(folder, 'none') }), { code: 'unknown-asset' })
  await t.rejects(listLocal({ config: join(folder, 'none.yaml') }), { code: 'config-unreadable' })
  t.same(await listLocal({ folder: join(folder, 'empty') }), [])
  t.same(await listLocal({ folder: join(folder, 'other') }), [])
  await t.rejects(listLocal({ folder: join(folder, 'blocked') }), { code: 'storage-failed' })
})

t.test('a record that was moved to the place of another counts for nothing', async t => {
  const { folder, target } = await filledFolder(t, 'flat')
  const records = join(folder, '.refdepot/records/t7')
  await rename(join(records, 'fasta.json'), join(records, 'fasta__v2.json'))
  t.same(await listLocal({ folder }), [])
  t.equal(await target.find(remoteAsset()), undefined)
})

t.test('a path for each way to name it', async t => {
  const { folder, path } = await filledFolder(t, 'flat')
  const at = async (name: string) => (await findLocal({ folder }, name)).path
  t.equal(await at('t7/fasta'), path)
  t.equal(await at(`${GENOME}/fasta:default`), path)
  t.equal(await at('enterophage/fasta.dir'), path)
  t.equal(await at('t7/fasta.fai:v2'), join(folder, 't7/fasta__v2', `${FA}.fai`))
  for (const name of ['t7/fasta:v3', 't7/index', 'lambda/fasta', 'fasta', '../x/y']) {
    await t.rejects(at(name), { code: 'unknown-asset' }, name)
  }
  await t.rejects(at('t7/fasta.bam'), { code: 'unknown-seek-key', message: /fasta, fai, dir/ })
  await rm(join(path, FA))
  await rm(join(path, `${FA}.fai`))
  await t.rejects(at('t7/fasta.fasta'), { code: 'unknown-file', message: /pull it again/ })
})

t.test('in a genome folder an alias leads into the alias tree, a digest into data', async t => {
  const { folder, path } = await filledFolder(t, 'refgenie')
  const at = async (name: string) => (await findLocal({ folder }, name)).path
  const alias = join(folder, 'alias/t7/fasta/default')
  t.equal(await at('t7/fasta'), alias)
  t.equal(await at('t7/fasta.fasta'), join(alias, 't7.fa'))
  t.equal(await at(`${GENOME}/fasta.fasta`), join(path, FA))
  await rm(join(folder, 'alias'), { recursive: true })
  t.equal(await at('t7/fasta.fasta'), join(path, FA))
  await rm(path, { recursive: true })
  await t.rejects(at('t7/fasta'), { code: 'unknown-file' })
  t.equal((await listLocal({ folder })).filter(each => each.isThere).length, 1)
})

t.test('an index is found by what the names of its files begin with', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'digest' })
  const asset = remoteAsset({ name: 'bowtie2_index', attributes: { seek_keys: { index: GENOME } } })
  const { path } = await target.place(asset, filledWith())
  t.equal((await findLocal({ folder }, 't7/bowtie2_index.index')).path, join(path, GENOME))
})

t.test(
  'an archive has a path, but no files to seek; an unpacked asset comes before it',
  async t => {
    for (const layout of ['flat', 'refgenie'] as const) {
      const { folder, path } = await filledFolder(t, layout, { archive: true })
      t.equal((await findLocal({ folder }, 't7/fasta')).path, path)
      await t.rejects(findLocal({ folder }, 't7/fasta.fai'), {
        code: 'unknown-seek-key',
        message: /is an archive/,
      })
      const unpacked = await openTarget({ folder, layout })
      await unpacked.place(remoteAsset(), filledWith())
      t.match((await findLocal({ folder }, 't7/fasta.fai')).path, /\.fa\.fai$/)
    }
  },
)

t.test('sound assets are sound; what is missing, cut off or altered is named', async t => {
  for (const layout of ['refgenie', 'flat', 'digest'] as const) {
    const { folder, path } = await filledFolder(t, layout)
    const of = async (deep: boolean) =>
      (await verified({ folder }, deep)).find(([name]) => name === 't7/fasta:default')
    t.same(await of(false), ['t7/fasta:default', 'size'])
    t.same(await of(true), ['t7/fasta:default', 'asset-digest'])
    await writeFile(join(path, FA), '>t7\nAGGT\n')
    t.same(await of(false), ['t7/fasta:default', 'size'], 'of the same size')
    t.same(await of(true), ['t7/fasta:default', 'asset-digest', 'damaged '])
    await truncate(join(path, FA), 3)
    await rm(join(path, 'inner'), { recursive: true })
    const lacks = [`damaged ${FA}`, 'missing inner/Grünling ☃.txt']
    t.same(await of(false), ['t7/fasta:default', 'size', ...lacks])
    t.same(await of(true), ['t7/fasta:default', 'size', ...lacks])
    await rm(path, { recursive: true })
    t.same(await of(true), ['t7/fasta:default', 'size', 'missing '])
  }
})

t.test('where the digests of files are known, the file that is damaged is named', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  const { path } = await target.place(remoteAsset(), async (staging, note) => {
    await filledWith()(staging, note)
    const digest = (text: string) => createHash('sha256').update(text).digest('hex')
    note(Object.entries(FASTA_FILES).map(([name, text]) => ({ path: name, sha256: digest(text) })))
  })
  t.same(await verified({ folder }), [['t7/fasta:default', 'sha256']])
  await writeFile(join(path, FA), '>t7\nAGGT\n')
  await rm(join(path, `${FA}.fai`))
  t.same(await verified({ folder }), [
    ['t7/fasta:default', 'sha256', `missing ${FA}.fai`, `damaged ${FA}`],
  ])
})

t.test('an archive is compared with its digest', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'digest' }, { archive: true })
  const digests = (kind: string) => createHash(kind).update('archive').digest('hex')
  const known = { md5: digests('md5'), size: 7 }
  const fill = (staging: string) => writeFile(staging, 'archive')
  const { path } = await target.place(remoteAsset({ archive: known }), fill)
  const strong = { md5: 'f'.repeat(32), sha256: digests('sha256'), size: 7 }
  const other = await target.place(remoteAsset({ tag: 'v2', archive: strong }), fill)
  const sound = (await verified({ folder })).map(([, comparison, ...problems]) => [
    comparison,
    problems,
  ])
  t.same(sound, [
    ['archive-digest', []],
    ['archive-digest', []],
  ])
  for (const each of [path, other.path]) await writeFile(each, 'ARCHIVE')
  t.same(
    (await verified({ folder })).map(each => each[2]),
    ['damaged ', 'damaged '],
  )
  await truncate(path, 2)
  t.ok((await verified({ folder }, false)).some(each => each[2] === 'damaged '))
})

t.test('what the Python client has placed is compared with the digest of the config', async t => {
  const { folder, path } = await filledFolder(t, 'refgenie')
  await rm(join(folder, 'data/.refdepot'), { recursive: true })
  const of = async (deep: boolean) =>
    (await verified({ config: join(folder, 'genome_config.yaml') }, deep))[0]
  t.same(await of(false), ['t7/fasta:default', 'presence'])
  t.same(await of(true), ['t7/fasta:default', 'asset-digest'])
  await mkdir(join(path, '_refgenie_build'))
  await writeFile(join(path, '_refgenie_build/log.md'), 'log')
  t.same(await of(true), ['t7/fasta:default', 'asset-digest'], 'logs do not count')
  await rm(join(path, `${FA}.fai`))
  t.same(await of(false), ['t7/fasta:default', 'presence', `missing ${FA}.fai`])
  await rm(path, { recursive: true })
  t.same(await of(true), ['t7/fasta:default', 'presence', 'missing '])
})

t.test('a record that the Python client has made stale counts for nothing', async t => {
  const { folder } = await filledFolder(t, 'refgenie')
  const file = join(folder, 'genome_config.yaml')
  const text = await readFile(file, 'utf8')
  const digest = String(remoteAsset().attributes.asset_digest)
  await writeFile(file, text.replace(digest, '0'.repeat(32)))
  const [asset] = await listLocal({ folder })
  t.equal(asset?.record, undefined)
  t.same((await verified({ folder }))[0], ['t7/fasta:default', 'asset-digest', 'damaged '])
})

t.test(
  'without any digest only presence and sizes tell; a verification can be stopped',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'flat' })
    await target.place(remoteAsset({ attributes: { asset_digest: '' } }), filledWith())
    t.same(await verified({ folder }), [['t7/fasta:default', 'size']])
    await target.place(remoteAsset({ tag: 'v2' }), filledWith())
    const asset = (await listLocal({ folder })).find(each => each.tag === 'v2')
    if (asset === undefined) throw new Error('v2 is not listed')
    let bytes = 0
    await verifyLocal(asset, { deep: true, onBytes: more => (bytes += more) })
    t.equal(bytes, 26)
    await t.rejects(verifyLocal(asset, { deep: true, signal: AbortSignal.abort() }), {
      name: 'AbortError',
    })
  },
)

t.test('an asset digest may have been made in the order of a dictionary', async t => {
  const files = ['B.fa', 'a_c', 'a.d', 'ab'].map(path => ({
    path,
    md5: createHash('md5').update(path).digest('hex'),
  }))
  const lines = (names: string[]) =>
    createHash('md5')
      .update(names.map(name => `${createHash('md5').update(name).digest('hex')}\n`).join(''))
      .digest('hex')
  t.equal(assetDigestOfFiles(files), lines(['B.fa', 'a.d', 'a_c', 'ab']))
  t.equal(assetDigestOfFiles(files, orderedAsDictionary), lines(['ab', 'a_c', 'a.d', 'B.fa']))
  // Where nothing but case and punctuation differs, those count.
  t.ok(orderedAsDictionary('a.b', 'ab') < 0)
})

t.test('room on the disk is looked for where the folder will be', async t => {
  const folder = t.testdir({ file: '' })
  await mustHaveRoom(join(folder, 'not/there/yet'), 1)
  await mustHaveRoom(join(folder, 'file/below'), 1)
  await t.rejects(mustHaveRoom(join(folder, 'not'), 2 ** 60), {
    code: 'disk-full',
    message: /has .* left, but/,
  })
  await t.rejects(mustHaveRoom(`${folder}/\u0000`, 1))
  await chmod(folder, 0o700)
})
