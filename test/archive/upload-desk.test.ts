/** Archives that others send: compared to the last byte, published once, and never in the place of somebody else's. */
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { stageSource } from '../../src/archive/publish-source.ts'
import { generationNow } from '../../src/archive/publish-upload.ts'
import { readPublished } from '../../src/archive/published.ts'
import { following, pushStaged } from '../../src/archive/push-staged.ts'
import { UploadDesk } from '../../src/archive/upload-desk.ts'
import { uploadOf } from '../../src/archive/upload-files.ts'
import type { Sender } from '../../src/archive/upload-rights.ts'
import type { RawConfig, RawTag } from '../../src/config/genome-config-schema.ts'
import { Rights } from '../../src/domain/rights.ts'
import { openState } from '../../src/state/open-state.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'

interface Order {
  config: RawConfig
  index: { archive: { md5: string; size: number }; genome: string; tag: string; entries: object[] }
  files: Record<string, string>
}

const sender = (name: string, ...scopes: string[]): Sender => {
  const rights = new Rights(scopes)
  return { name, mayWrite: (names, studies) => rights.mayWrite(names, studies) }
}
const ALICE = sender('token alice', 'write:seven/*')
const BOB = sender('token bob', 'write:*')

/** An archive of one tag with the order that goes before it. */
async function packed(
  folder: string,
  content: Buffer,
  { genome = 'seven', asset = 'data', tag = 'v1', attributes = {} as RawTag, digest = T7 } = {},
) {
  const home = join(folder, `${asset}-${tag}-${createHash('md5').update(content).digest('hex')}`)
  const source = join(folder, 'source.bin')
  await writeFile(source, content)
  const names = { genome, asset, tag, genomeDigest: digest }
  const staged = await stageSource({ path: source, ...names, seekKeys: {}, attributes }, home)
  await createArchives(await openTarget(staged.config), { registryPaths: [], jobs: 1 })
  const target = await openServerTarget(staged.config)
  const { path, order } = await uploadOf(target)
  return { target, bytes: await readFile(path), order: order as Order }
}

async function desk(t: Test, more: { require?: ['licence'] } = {}) {
  const folder = t.testdir({})
  const place = join(folder, 'store')
  const state = await openState(join(folder, 'state.sqlite'))
  t.teardown(() => state.close())
  const parts = { place, ...(await openWritableStore(place)) }
  const events: string[] = []
  const errors: unknown[] = []
  const make = (changed: object = {}) =>
    new UploadDesk({
      ...parts,
      ...more,
      ledger: async () => state.uploads,
      onPublished: async ({ registryPath }) => events.push(registryPath),
      onError: error => errors.push(error),
      ...changed,
    })
  const made = make()
  const send = async (it: { order: Order; bytes: Buffer }, by = ALICE, at = made) => {
    const { record, partSize, partCount, received } = await at.begin(it.order, by)
    if (record.state !== 'open') return record
    for (let number = 1; number <= partCount; number += 1) {
      if (received.includes(number)) continue
      const body = it.bytes.subarray((number - 1) * partSize, number * partSize)
      const sha256 = createHash('sha256').update(body).digest('hex')
      await at.putPart(record.id, by, { number, body, sha256 })
    }
    await at.complete(record.id, by)
    await at.settled()
    return (await at.status(record.id, by)).record
  }
  const published = () => readPublished(parts.store, place)
  return { folder, place, parts, state, desk: made, make, send, published, events, errors }
}

t.test('an archive comes in parts, is compared, and is live', async t => {
  const { folder, place, desk: at, send, published, events } = await desk(t)
  const it = await packed(folder, noise(10_000_000))
  const begun = await at.begin(it.order, ALICE)
  t.match(begun, {
    record: { state: 'open', registryPath: `${T7}/data:v1` },
    partCount: 2,
    received: [],
  })
  const { id } = begun.record
  await t.rejects(at.complete(id, ALICE), { code: 'upload-incomplete', missing: [1, 2] })
  t.equal(
    await at.addresses(id, ALICE, [{ number: 1, sha256: '0'.repeat(64) }]),
    undefined,
    'a folder',
  )
  const body = it.bytes.subarray(0, begun.partSize)
  const sha256 = createHash('sha256').update(body).digest('hex')
  await at.putPart(id, ALICE, { number: 1, body, sha256 })
  const again = await at.begin(it.order, ALICE)
  t.match(again, { record: { id }, received: [1] }, 'gone on with')
  for (const wrong of [
    { number: 0, body, sha256 },
    { number: 3, body, sha256 },
    { number: 2, body, sha256 },
  ]) {
    await t.rejects(at.putPart(id, ALICE, wrong), { code: 'upload-refused' })
  }
  for (const stranger of [BOB, sender('anonymous')]) {
    await t.rejects(at.status(id, stranger), { code: 'unknown-upload' })
    await t.rejects(at.complete(id, stranger), { code: 'unknown-upload' })
    await t.rejects(at.abort(id, stranger), { code: 'unknown-upload' })
  }
  const record = await send(it)
  t.match(record, { id, state: 'published', generation: 1 })
  t.same(events, [`${T7}/data:v1`])
  const { config } = await published()
  t.match(config.genomes[0], { digest: T7, aliases: ['seven'] })
  const names = await readdir(join(place, 'archives', it.order.index.archive.md5))
  t.same(names.sort(), [
    'asset_dir_contents_data__v1.json',
    'data__v1.tgz',
    'data__v1.tgz.index.json',
  ])
  const file = join(place, 'archives', it.order.index.archive.md5, 'data__v1.tgz')
  t.ok((await readFile(file)).equals(it.bytes))
  t.same(await readdir(join(place, '.uploads')), [])
  t.match(
    (await at.complete(id, ALICE)).record,
    { state: 'published', generation: 1 },
    'asking twice',
  )
  await t.rejects(at.putPart(id, ALICE, { number: 1, body, sha256 }), {
    message: /it is published already/,
  })
  t.match((await at.begin(it.order, ALICE)).record, { state: 'published', generation: 1 })
  t.equal((await published()).generation, 1)
})

t.test('nobody is told that it is published before it is known here', async t => {
  const { folder, make, published } = await desk(t)
  const { order, bytes: body } = await packed(folder, noise(1000))
  let known = () => {}
  const reloaded = new Promise<void>(done => {
    known = done
  })
  let begun = () => {}
  const reloading = new Promise<void>(done => {
    begun = done
  })
  const at = make({
    onPublished: () => {
      begun()
      return reloaded
    },
  })
  const { id } = (await at.begin(order, ALICE)).record
  const sha256 = createHash('sha256').update(body).digest('hex')
  await at.putPart(id, ALICE, { number: 1, body, sha256 })
  await at.complete(id, ALICE)
  await reloading
  t.ok((await published()).text.includes(order.index.archive.md5), 'the tag is named')
  t.match(await at.complete(id, ALICE), { record: { state: 'verifying' } })
  t.match(await at.status(id, ALICE), { record: { state: 'verifying' } })
  known()
  await at.settled()
  t.match(await at.complete(id, ALICE), { record: { state: 'published' } })
})

t.test('what is not what was announced is not published', async t => {
  const { folder, place, send, desk: at } = await desk(t)
  const it = await packed(folder, noise(2_000_000))
  const rotten = Buffer.from(it.bytes)
  rotten[1_000_000] = (rotten[1_000_000] as number) ^ 1
  t.match(await send({ ...it, bytes: rotten }), {
    state: 'failed',
    reason: /^what was sent is not what was announced: the md5 should be/,
  })
  const left = await readdir(place, { recursive: true, withFileTypes: true })
  t.same(
    left.filter(entry => entry.isFile()),
    [],
  )
  t.match(await send(it), { state: 'published' }, 'the right bytes, later')
  const lying = await packed(folder, Buffer.from('other content'), { asset: 'lie' })
  const [file] = lying.order.index.entries as { sha256?: string }[]
  if (file) file.sha256 = '0'.repeat(64)
  t.match(await send(lying), { state: 'failed', reason: /the sha256 of .* should be 0000/ })
  const { record } = await at.begin(
    (await packed(folder, Buffer.from('given up'), { tag: 'v9' })).order,
    ALICE,
  )
  await at.abort(record.id, ALICE)
  await t.rejects(at.status(record.id, ALICE), { code: 'unknown-upload' })
})

t.test('orders that are none', async t => {
  const { folder, desk: at } = await desk(t, { require: ['licence'] })
  const { order } = await packed(folder, Buffer.from('x'), { attributes: { licence: 'CC0-1.0' } })
  const changed = (change: (copy: Order) => void) => {
    const copy = structuredClone(order)
    change(copy)
    return copy
  }
  const tagOf = (it: Order) => it.config.genomes?.[T7]?.assets?.data?.tags?.v1 as RawTag
  const refused = async (value: unknown, message: RegExp, by = BOB) =>
    t.rejects(at.begin(value, by), { message })
  await refused('x', /the order must be \{config, index, files\}/)
  await refused(
    changed(it => {
      delete (it.config.genomes as object as Record<string, unknown>)[T7]
    }),
    /must have one tag/,
  )
  await refused(
    changed(it => {
      tagOf(it).archive_digest = '0'.repeat(32)
    }),
    /its index belongs to another archive/,
  )
  await refused(
    changed(it => {
      it.index.tag = 'v2'
    }),
    /its index belongs to another/,
  )
  await refused(
    changed(it => {
      it.index.entries = [{}]
    }),
    /its index is none of this version/,
  )
  await refused(
    changed(it => {
      it.index.archive.size = 2 ** 50
    }),
    /too large/,
  )
  await refused(
    changed(it => {
      tagOf(it).seek_keys = 5 as never
    }),
    /seek_keys/,
  )
  await refused(
    changed(it => {
      delete tagOf(it).licence
    }),
    /does not say licence/,
  )
  await refused(
    changed(it => {
      const genomes = it.config.genomes as Record<string, unknown>
      genomes['../x'] = genomes[T7]
    }),
    /is no usable name/,
  )
  await refused(order, /write:seven\/data:v1/, sender('token carol', 'write:other/*', 'read:*'))
  const latest = await packed(folder, Buffer.from('x'), {
    tag: 'latest',
    attributes: { licence: 'x' },
  })
  await refused(latest.order, /'latest' means the tag that was published last/)
  const short = await packed(folder, Buffer.from('short'), {
    digest: 'abc',
    attributes: { licence: 'x' },
  })
  await refused(short.order, /48 hex characters/)
  t.match((await at.begin(order, BOB)).record, { state: 'open' })
})

t.test('nobody writes over what others have published', async t => {
  const { folder, send, published, parts, desk: at } = await desk(t)
  await send(await packed(folder, Buffer.from('one'), { attributes: { access: 'open' } }))
  await t.rejects(send(await packed(folder, Buffer.from('two'))), { code: 'tag-immutable' })
  const named = await packed(folder, Buffer.from('three'), { tag: 'v2', genome: 'hg38' })
  await t.rejects(send(named, BOB), { message: /is not called 'hg38' here, but seven/ })
  await t.rejects(pushStaged(named.target, parts, []), { message: /is not called 'hg38' here/ })
  const taken = await packed(folder, Buffer.from('four'), {
    digest: T7.replace(/^./, 'f'),
    asset: 'x',
  })
  await t.rejects(send(taken, BOB), { message: /'seven' is the name of another genome here/ })
  // What is said of genome and asset counts only when it is new.
  const sly = await packed(folder, Buffer.from('five'), { tag: 'v3' })
  const genome = sly.order.config.genomes?.[T7]
  if (genome) Object.assign(genome, { access: 'open', genome_description: 'mine now' })
  Object.assign(genome?.assets?.data ?? {}, { access: 'open', default_tag: 'v3' })
  t.match(await send(sly), { state: 'published' })
  const { config } = await published()
  const asset = config.genomes[0]?.assets.get('data')
  t.same([...(asset?.tags.keys() ?? [])], ['v1', 'v3'])
  t.equal(asset?.defaultTag, 'v1')
  t.not(config.genomes[0]?.description, 'mine now')
  // Two send other files under one name: one of them wins.
  const [one, two] = [
    await packed(folder, Buffer.from('A'), { tag: 'v4' }),
    await packed(folder, Buffer.from('B'), { tag: 'v4' }),
  ]
  const [a, b] = [await at.begin(one.order, ALICE), await at.begin(two.order, BOB)]
  for (const [begun, it, by] of [
    [a, one, ALICE],
    [b, two, BOB],
  ] as const) {
    const sha256 = createHash('sha256').update(it.bytes).digest('hex')
    await at.putPart(begun.record.id, by, { number: 1, body: it.bytes, sha256 })
  }
  await Promise.all([at.complete(a.record.id, ALICE), at.complete(b.record.id, BOB)])
  await at.settled()
  const states = [
    (await at.status(a.record.id, ALICE)).record,
    (await at.status(b.record.id, BOB)).record,
  ]
  t.same(states.map(({ state }) => state).sort(), ['failed', 'published'])
  t.match(states.find(({ state }) => state === 'failed')?.reason, /is published with the archive/)
  const staged = await packed(folder, Buffer.from('six'), { tag: 'v6' })
  t.ok((await pushStaged(staged.target, parts, [])) > 3)
})

t.test('a server that dies in the middle: the next one ends it', async t => {
  const { folder, parts, make, send, errors, state } = await desk(t)
  const it = await packed(folder, noise(100_000))
  let fails = 1
  const writer = {
    upload: parts.writer.upload.bind(parts.writer),
    put: async (...args: Parameters<typeof parts.writer.put>) => {
      if (args[0].endsWith('.tgz.index.json') && args[0].startsWith('archives/') && fails > 0) {
        fails -= 1
        throw new Error('the store is away')
      }
      return parts.writer.put(...args)
    },
  }
  // Complete, but killed before it was compared.
  const early = Object.create(parts.writer, {
    put: { value: () => Promise.reject(new Error('the disk is full')) },
  })
  t.match(await send(it, ALICE, make({ writer: early })), { state: 'open' })
  t.match(errors.splice(0), [{ message: 'the disk is full' }])
  const failing = make({ writer })
  t.match(await send(it, ALICE, failing), { state: 'open' }, 'it may be tried again')
  t.match(errors, [{ message: 'the store is away' }])
  const [upload] = await state.uploads.idleSince(new Date(Date.now() + 1000))
  const id = upload?.id ?? ''
  const healthy = make()
  await healthy.complete(id, ALICE)
  await healthy.settled()
  t.match((await healthy.status(id, ALICE)).record, { state: 'published' })
  // Published, but killed before that was written down: the next attempt finds everything done.
  await state.uploads.reopen(id)
  await healthy.complete(id, ALICE)
  await healthy.settled()
  t.match((await healthy.status(id, ALICE)).record, { state: 'published', generation: 1 })
  await state.uploads.reopen(id)
  t.equal(await state.uploads.claim(id, new Date(0)), true)
  t.equal(await state.uploads.claim(id, new Date(0)), false, 'somebody is at it')
  await t.rejects(healthy.abort(id, ALICE), { code: 'upload-refused', message: /being compared/ })
  t.equal(
    await state.uploads.claim(id, new Date(Date.now() + 1000)),
    true,
    'and was not heard of for long',
  )
})

t.test('where a client can send parts itself', async t => {
  const { folder, make, parts } = await desk(t)
  const it = await packed(folder, noise(9_000_000))
  const uploads = Object.create(parts.uploads, {
    partAddress: {
      value: async (upload: { id: string }, number: number, sha256: string) => ({
        url: `https://store/${upload.id === '' ? 'none' : 'some'}/${number}`,
        headers: { sha256 },
      }),
    },
  })
  // The methods of the class look at its private fields, so they are called on it.
  for (const name of ['partSize', 'begin', 'parts'] as const) {
    uploads[name] = (parts.uploads[name] as (...args: never[]) => unknown).bind(parts.uploads)
  }
  const at = make({ uploads })
  const { record } = await at.begin(it.order, ALICE)
  const sha256 = '0'.repeat(64)
  t.same(await at.addresses(record.id, ALICE, [{ number: 2, sha256 }]), [
    { number: 2, url: 'https://store/some/2', headers: { sha256 } },
  ])
  await t.rejects(at.addresses(record.id, ALICE, [{ number: 9, sha256 }]), {
    code: 'upload-refused',
  })
})

t.test('genomes without a name, senders with a log, and folders with nothing to send', async t => {
  const { folder, send, parts, make, published, errors } = await desk(t)
  const it = await packed(folder, noise(3_000_000))
  const genome = it.order.config.genomes?.[T7]
  delete genome?.aliases
  it.order.files.log = 'how it was built'
  const beating = make({ heartbeatMs: 1 })
  t.match(await send(it, BOB, beating), { state: 'published' })
  t.same((await published()).config.genomes[0]?.aliases, [])
  const named = await packed(folder, Buffer.from('x'), { tag: 'v2' })
  await t.rejects(send(named, BOB), {
    message: new RegExp(`is not called 'seven' here, but ${T7}`),
  })
  await t.rejects(pushStaged(named.target, parts, []), { message: /is not called 'seven'/ })
  const nameless = await packed(folder, Buffer.from('y'), { tag: 'v3' })
  delete nameless.order.config.genomes?.[T7]?.aliases
  t.match(await send(nameless, BOB), { state: 'published' })
  await t.rejects(
    send(
      await packed(folder, Buffer.from('z'), { genome: T7, tag: 'v4' }),
      sender('token x', 'write:y/*'),
    ),
    {
      code: 'forbidden',
    },
  )
  const stranger = await packed(folder, Buffer.from('q'), {
    digest: T7.replace(/^./, 'a'),
    genome: 'eight',
    asset: 'q',
  })
  delete stranger.order.config.genomes?.[T7.replace(/^./, 'a')]?.aliases
  delete (stranger.order as Partial<Order>).files
  await t.rejects(send(stranger, ALICE), { code: 'forbidden', message: /write:a/ })
  t.match(await send(stranger, BOB), { state: 'published' })
  const eight = await packed(folder, Buffer.from('8'), {
    digest: T7.replace(/^./, 'b'),
    genome: 'nine',
    asset: 'q',
  })
  t.match(await send(eight, BOB), { state: 'published' })
  t.same(errors, [])
  const { target } = await packed(folder, Buffer.from('log'), { tag: 'v5' })
  await writeFile(join(target.archiveFolder, T7, 'build_log_data__v5.md'), 'a log')
  t.match((await uploadOf(target)).order, { files: { log: 'a log' } })
  await rm(join(target.archiveFolder, T7, 'data__v5.tgz'))
  await t.rejects(uploadOf(target), {
    code: 'push-refused',
    message: /data:v5 .*no archive with an index/,
  })
  const none = { ...target, source: { ...target.source, genomes: [] } }
  await t.rejects(uploadOf(none), { code: 'push-refused' })
  t.same(following({ genomes: { a: null, b: { assets: { x: null } } } }, {}), {
    genomes: { a: { assets: {} }, b: { assets: { x: {} } } },
  })
  t.same(following({}, {}), { genomes: {} })
})

t.test('into a store directly', async t => {
  const { folder, parts, published } = await desk(t)
  t.equal(await generationNow(parts), 0)
  t.equal(await pushStaged((await packed(folder, Buffer.from('x'))).target, parts, []), 1)
  t.equal(await generationNow(parts), 1)
  t.match((await published()).config.genomes[0], { aliases: ['seven'] })
})

t.test('somebody puts the same archive there at the same moment', async t => {
  const { folder, make, send, errors, parts, desk: at } = await desk(t)
  const it = await packed(folder, Buffer.from('x'))
  const writer = Object.create(parts.writer, {
    put: {
      value: (...args: Parameters<typeof parts.writer.put>) =>
        /^archives.*index.json$/.test(args[0]) ? Promise.resolve(false) : parts.writer.put(...args),
    },
  })
  const { id, state } = await send(it, ALICE, make({ writer }))
  t.equal(state, 'open')
  t.match(errors, [{ code: 'push-conflict' }])
  t.match(await at.begin(it.order, ALICE), { received: [1] }, 'nothing is asked for again')
  await at.complete(id, ALICE)
  await at.settled()
  t.match((await at.status(id, ALICE)).record, { state: 'published' })
})

t.test('an archive of others is none of ours, whatever we say of it', async t => {
  const { folder, place, parts, send, desk: at } = await desk(t)
  const it = await packed(folder, noise(5000))
  // As a push that is under way leaves it: the archive is there, its index is not yet.
  await parts.writer.put(`archives/${it.order.index.archive.md5}/data__v1.tgz`, it.bytes)
  const { record, received } = await at.begin(it.order, ALICE)
  t.same(received, [])
  await t.rejects(
    at.complete(record.id, ALICE),
    { code: 'upload-incomplete' },
    'the bytes must come from the sender',
  )
  t.notOk((await readdir(place, { recursive: true })).includes('current.json'))
  const key = `archives/${it.order.index.archive.md5}/data__v1.tgz`
  await parts.writer.put(`${key}.index.json`, '{}')
  t.match(await send(it), {
    state: 'failed',
    reason: /an archive with the same bytes is there already/,
  })
  await parts.writer.put(`${key}.index.json`, JSON.stringify(it.order.index))
  await parts.uploads.remove(key)
  t.match(
    await send(it),
    { state: 'failed', reason: /an archive with the same bytes/ },
    'no archive',
  )
  const lying = structuredClone(it.order)
  const tag = lying.config.genomes?.[T7]?.assets?.data?.tags?.v1
  if (tag) tag.legacy_archive_digest = '1'.repeat(32)
  await t.rejects(at.begin(lying, ALICE), { message: /legacy_archive_digest is that of no view/ })
})

t.test('others publish all the time: it stays open, to be tried again', async t => {
  const { folder, make, send, errors, parts, desk: at } = await desk(t)
  const it = await packed(folder, Buffer.from('x'))
  const writer = Object.create(parts.writer, {
    put: {
      value: (...args: Parameters<typeof parts.writer.put>) =>
        args[0] === 'current.json' ? Promise.resolve(false) : parts.writer.put(...args),
    },
  })
  const { id, state } = await send(it, ALICE, make({ writer }))
  t.equal(state, 'open')
  t.match(errors, [{ code: 'push-conflict' }])
  await at.complete(id, ALICE)
  await at.settled()
  t.match(
    (await at.status(id, ALICE)).record,
    { state: 'published' },
    'the archive has its index already',
  )
})

t.test('what nobody touches is given up, and nothing of it stays', async t => {
  const { folder, desk: at, parts, place, state } = await desk(t)
  const it = await packed(folder, noise(9_000_000))
  const { record, partSize } = await at.begin(it.order, ALICE)
  const body = it.bytes.subarray(0, partSize)
  const sha256 = createHash('sha256').update(body).digest('hex')
  await at.putPart(record.id, ALICE, { number: 1, body, sha256 })
  await parts.uploads.begin('archives/x/y.tgz')
  await parts.writer.put('uploads/nobody/archive', 'left')
  await parts.writer.put(`uploads/${record.id}/archive.index.json`, 'somebody is at it')
  t.equal(await at.sweep(), 1, 'what belongs to nobody goes at once')
  t.equal((await readdir(join(place, '.uploads'))).length, 2)
  t.ok((await at.sweep(Date.now() + 8 * 24 * 3600_000)) >= 2)
  t.same(await readdir(join(place, '.uploads')), [])
  t.equal(await state.uploads.byId(record.id), undefined)
  const many = Array.from({ length: 100 }, (_, i) => ({
    ...record,
    id: `id${i}`,
    registryPath: 'x',
  }))
  for (const upload of many) await state.uploads.add(upload)
  await t.rejects(at.begin(it.order, ALICE), { message: /has 100 uploads open already/ })
  await rm(folder, { recursive: true })
})

t.test('the archive of others stays as it is, whatever is said of its bytes', async t => {
  const { folder, desk: at, send, parts } = await desk(t)
  const it = await packed(folder, noise(5000))
  await send(it)
  const { md5 } = it.order.index.archive
  const key = `archives/${md5}/data__v1.tgz.index.json`
  const read = async () => {
    const object = await parts.store.open(key)
    return object?.bytes({ start: 0, end: object.size }).finally(() => object.close())
  }
  const before = await read()
  const crafted = structuredClone(it.order)
  const other = 'e'.repeat(48)
  crafted.config.genomes = { [other]: { ...crafted.config.genomes?.[T7], aliases: ['mine'] } }
  Object.assign(crafted.index, { genome: other, entries: [] })
  crafted.files = { log: 'poisoned' }
  const eve = sender('token eve', 'write:mine/*')
  const sent = await send({ order: crafted, bytes: it.bytes }, eve)
  t.match(sent, { state: 'failed', reason: /the same bytes is there already/ })
  t.same(await read(), before, 'its index')
  const begun = await at.begin(crafted, eve)
  await at.complete(begun.record.id, eve).catch(() => {})
  await at.settled()
  t.match(await at.status(begun.record.id, eve), { record: { state: /failed|open/ } }, 'unsent')
  t.same(await read(), before, 'its index')
  await t.rejects(
    at.begin({ ...crafted, index: { ...crafted.index, loose: 'generations' } }, eve),
    { code: 'upload-refused' },
  )
})

t.test('rights and names are those of the moment of publishing', async t => {
  const { folder, desk: at, send } = await desk(t)
  const eve = sender('token eve', 'write:mine/*', 'write:hg38/*')
  const open = async (it: { order: Order; bytes: Buffer }) => {
    const { record } = await at.begin(it.order, eve)
    const sha256 = createHash('sha256').update(it.bytes).digest('hex')
    await at.putPart(record.id, eve, { number: 1, body: it.bytes, sha256 })
    return record.id
  }
  const alias = await packed(folder, noise(2000), { genome: 'mine', digest: 'd'.repeat(48) })
  const said = alias.order.config.genomes?.['d'.repeat(48)]
  if (said != null) said.aliases = ['mine', 'hg38']
  const narrow = sender('token narrow', 'write:mine/*')
  await t.rejects(
    at.begin(alias.order, narrow),
    { code: 'forbidden', message: /write:hg38/ },
    'each name of a new genome',
  )
  const byAlias = await open(alias)
  await send(await packed(folder, noise(3000), { genome: 'hg38', digest: 'c'.repeat(48) }), BOB)
  await t.rejects(at.complete(byAlias, eve), { code: 'upload-refused' })
  const same = await packed(folder, noise(4000), {
    genome: 'mine',
    digest: 'b'.repeat(48),
    tag: 'x',
  })
  const byDigest = await open(same)
  await send(await packed(folder, noise(4500), { genome: 'theirs', digest: 'b'.repeat(48) }), BOB)
  await t.rejects(at.complete(byDigest, eve), { code: 'forbidden' })
  const third = await packed(folder, noise(6000), { genome: 'mine', digest: 'a'.repeat(48) })
  const byToken = await open(third)
  await t.rejects(at.complete(byToken, sender('token eve', 'write:else/*')), { code: 'forbidden' })
})

t.test('whoever writes for a study does not open what belongs to it', async t => {
  const { folder, desk: at, send } = await desk(t)
  await send(await packed(folder, noise(2000)))
  const panel = sender('token panel', 'PANEL.WRITE')
  const attributes = { study: 'PANEL', access: 'open' } as RawTag
  const opened = await packed(folder, noise(3000), { tag: 'v2', attributes })
  await t.rejects(at.begin(opened.order, panel), { code: 'forbidden' })
  const own = await packed(folder, noise(4000), {
    tag: 'v3',
    attributes: { study: 'PANEL' } as RawTag,
  })
  t.match(await send(own, panel), { state: 'published' })
})

t.test(
  'an index that leaves files out, or calls them by other names, is none of the archive',
  async t => {
    const { folder, send } = await desk(t)
    const it = await packed(folder, noise(5000))
    const [first] = it.order.index.entries.filter(entry => 'sha256' in entry)
    for (const entries of [[], [{ ...first, path: 'other' }]]) {
      const order = structuredClone(it.order)
      Object.assign(order.index, { entries })
      t.match(await send({ order, bytes: it.bytes }), {
        state: 'failed',
        reason: /view for the archive itself/,
      })
    }
    t.match(await send(it), { state: 'published' })
  },
)
