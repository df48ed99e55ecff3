import { createHash } from 'node:crypto'
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { extract } from 'tar-stream'
import { formatIndex, parseIndex } from '../../src/archive/member-index.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import { genomeDigestOf } from '../../src/domain/dataset.ts'
import type { Blob } from '../../src/storage/blob.ts'
import type { StoredObject } from '../../src/storage/store.ts'
import { noise, randomNumbers } from '../support/content-shapes.ts'
import { dataFolder, type Files, ODD_FILES, uploaded } from '../support/data-folder.ts'
import { propertySeed } from '../support/property-seed.ts'
import { startApp } from '../support/start-app.ts'

const KIT = 'capturekit/agilent'
const GENOME = genomeDigestOf({ nature: 'capturekit', type: 'common' })

async function served(t: Test, files: Files = ODD_FILES) {
  const made = await dataFolder(t)
  await made.wants({ [KIT]: 'v1.0' })
  await made.put(KIT, files)
  await uploaded(made)
  const started = await startApp(t, { store: made.place })
  await started.depot.check()
  const entry = started.depot.current.catalogue.entry(
    'capturekit.common',
    'agilent',
  ) as CatalogueEntry
  const get = async (url: string, headers = {}) => {
    const answer = await started.app.inject({ url, headers })
    return { ...answer, status: answer.statusCode, body: answer.rawPayload }
  }
  const inStore = join(made.place, 'capturekit/common/agilent/v1.0')
  return { ...started, made, entry, get, inStore }
}

/** The files of a tar in gzip by path, and its top folders. */
async function unpacked(archive: Buffer): Promise<Record<string, Buffer>> {
  const tar = extract()
  Readable.from([archive]).pipe(createGunzip()).pipe(tar)
  const files: Record<string, Buffer> = {}
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    if (entry.header.type === 'file') files[entry.header.name] = Buffer.concat(chunks)
  }
  return files
}

function below(top: string, files: Files): Record<string, Buffer> {
  const entries = Object.entries(files).map(([path, content]) => [
    `${top}/${path}`,
    Buffer.from(content),
  ])
  return Object.fromEntries(entries)
}

const digest = (algorithm: string, bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex')

t.test('a dataset is an asset: its archive unpacks to the same files, in every form', async t => {
  const { get, entry, depot } = await served(t)
  const archive = await get(`/v3/assets/archive/${GENOME}/agilent`)
  t.equal(archive.status, 200)
  t.strictSame(await unpacked(archive.body), below('v1.0', ODD_FILES))
  t.equal(digest('md5', archive.body), entry.tag.archiveDigest)
  t.equal(archive.headers.etag, `"${entry.tag.archiveDigest}"`)
  t.match(await depot.current.folder.digests(entry, 'stored'), {
    sha256: digest('sha256', archive.body),
    md5: digest('md5', archive.body),
    size: archive.body.length,
  })
  const legacy = await get('/v2/asset/capturekit.common/agilent/archive')
  t.strictSame(await unpacked(legacy.body), below('agilent', ODD_FILES))
  t.equal(digest('md5', legacy.body), entry.tag.legacyArchiveDigest)
  const page = '/capturekit.common/assets/agilent'
  const tar = await get(`${page}/archive?format=tar`)
  t.ok(tar.body.equals(gunzipSync(archive.body)))
  for (const [path, content] of Object.entries(ODD_FILES)) {
    const url = `${page}/files/${path.split('/').map(encodeURIComponent).join('/')}`
    const file = await get(url)
    t.ok(file.body.equals(Buffer.from(content)), path)
    const gz = await get(`${url}.gz`)
    t.ok(gunzipSync(gz.body).equals(Buffer.from(content)), `${path}.gz`)
  }
  t.match((await get(`${page}/files/contigs.fa.gz.fai`)).body.toString(), /^chr1\t150000\t6\t/)
  const contents = await get(`/v3/assets/dir_contents/${GENOME}/agilent`)
  t.same(JSON.parse(contents.body.toString()).sort(), Object.keys(ODD_FILES).sort())
  const object = await get(`/objects/${digest('sha256', ODD_FILES['block.bin'] as Buffer)}`)
  t.ok(object.body.equals(ODD_FILES['block.bin'] as Buffer))
  t.match(entry.tag.seekKeys, { dir: '.', run_sh: 'run.sh', contigs_fa: 'contigs.fa' })
  t.equal((await get(`/v3/assets/archive/${GENOME}/agilent?tag=v9`)).status, 404)
})

t.test('2,000 random ranges of archive, tar and .gz are those of the whole', async t => {
  const { entry, depot, get } = await served(t)
  const { folder } = depot.current
  const blobs: Record<string, () => Promise<Blob>> = {
    archive: () => folder.archive(entry, 'stored'),
    legacy: () => folder.archive(entry, 'legacy'),
    tar: () => folder.tar(entry),
    gz: () => folder.file(entry, 'GRCh37/deep/er/noise.bin.gz'),
  }
  const below = randomNumbers(propertySeed(t))
  for (const [name, make] of Object.entries(blobs)) {
    const opened = await make()
    const whole = Buffer.concat(
      await (await make()).stream({ start: 0, end: opened.size }).toArray(),
    )
    t.equal(whole.length, opened.size)
    let wrong = 0
    for (let i = 0; i < 2000; i += 1) {
      const start = below(whole.length)
      const end = Math.min(whole.length, start + 1 + below(150_000))
      const part = await opened.bytes({ start, end })
      if (!part.equals(whole.subarray(start, end))) wrong += 1
    }
    t.equal(wrong, 0, name)
    await opened.close()
  }
  const whole = (await get(`/v3/assets/archive/${GENOME}/agilent`)).body
  const range = { range: `bytes=70000-${whole.length - 70_001}` }
  const part = await get(`/v3/assets/archive/${GENOME}/agilent`, range)
  t.equal(part.status, 206)
  t.ok(part.body.equals(whole.subarray(70_000, whole.length - 70_000)))
})

/** What a client has when all has ended: nothing unless the answer was whole. */
async function wholeAnswer(url: string): Promise<Buffer | undefined> {
  const answer = await fetch(url)
  if (!answer.ok) return undefined
  const body = await answer.arrayBuffer().catch(() => undefined)
  return body && Buffer.from(body)
}

t.test('a file that is replaced under the server never becomes an answer', async t => {
  const content = noise(3_000_000)
  const { inStore, listen, get } = await served(t, { 'a.txt': 'first\n', 'b.bin': content })
  const server = await listen()
  const page = '/capturekit.common/assets/agilent'
  const urls = [
    `/v3/assets/archive/${GENOME}/agilent`,
    '/v2/asset/capturekit.common/agilent/archive',
    `${page}/archive?format=tar`,
    `${page}/files/b.bin`,
    `${page}/files/b.bin.gz`,
  ]
  const path = join(inStore, 'b.bin')
  const flipped = Buffer.from(content)
  flipped[2_900_000] = (content[2_900_000] as number) ^ 1
  const states: Record<string, () => Promise<void>> = {
    'the same size, one bit differs': () => writeFile(path, flipped),
    'the same size, all differs': () => writeFile(path, noise(3_000_001).subarray(1)),
    shorter: () => writeFile(path, content.subarray(0, 2_999_999)),
    longer: () => writeFile(path, Buffer.concat([content, Buffer.from('x')])),
    gone: async () => {},
  }
  for (const [name, replace] of Object.entries(states)) {
    await rm(path, { force: true })
    await replace()
    for (const url of urls) t.equal(await wholeAnswer(server + url), undefined, `${name}: ${url}`)
  }
  const other = await get(`${page}/files/a.txt`)
  t.equal(other.body.toString(), 'first\n', 'what is sound is served')
  await writeFile(path, content)
  for (const url of urls) t.ok(await wholeAnswer(server + url), 'and it is again when it is back')
})

t.test('a file that is replaced while it is read breaks the answer', async t => {
  const content = noise(3_000_000)
  const { inStore, depot, entry } = await served(t, { 'b.bin': content })
  const path = join(inStore, 'b.bin')
  const blob = await depot.current.folder.archive(entry, 'stored')
  const begin = await blob.bytes({ start: 0, end: 100_000 })
  t.equal(begin.length, 100_000)
  // The open file stays the same bytes when its name is given away, as with every archive.
  await rename(path, `${path}.old`)
  await writeFile(path, noise(3_000_000))
  const end = await blob.bytes({ start: 2_000_000, end: 2_100_000 })
  t.equal(end.length, 100_000)
  // Bytes that change within the file are found out by their checksum.
  const handle = await open(`${path}.old`, 'r+')
  await handle.write(Buffer.from('replaced'), 0, 8, 2_500_000)
  await handle.close()
  await t.rejects(blob.bytes({ start: 2_400_000, end: 2_600_000 }), {
    code: 'storage-failed',
    message: /b\.bin: it is not the file of the index any more/,
  })
  await blob.close()
  await blob.close()
})

t.test('the state of such an archive is that of its index', async t => {
  const { depot, entry, made } = await served(t)
  const { store, places, shelf } = depot.current
  const [key = ''] = places.archiveKeys(entry, 'stored')
  const before = await store.identify(key)
  t.match(before, { inode: /^loose-/ })
  t.same(await store.identify(key), before)
  const object = await store.open(key)
  t.match(object, { ...before, key })
  t.same(await object?.bytes({ start: 5, end: 5 }), Buffer.alloc(0))
  await object?.close()
  const path = join(made.place, `${key}.index.json`)
  const text = await readFile(path, 'utf8')
  const index = parseIndex(text)
  if (index === undefined) throw new Error('the index is one')
  await writeFile(
    `${path}.new`,
    formatIndex({ ...index, replaces: [{ ...index.archive, form: 'x' }] }),
  )
  await rename(`${path}.new`, path)
  t.notSame(await store.identify(key), before)
  // Files without checksums cannot be compared, so they are not read.
  const unchecked = index.entries.map(entry => {
    if (entry.type !== 'file') return entry
    const { crc32: _, ...file } = entry
    return file
  })
  await writeFile(path, formatIndex({ ...index, entries: unchecked }))
  const blind = await store.open(key)
  await t.rejects((blind as StoredObject).bytes({ start: 0, end: 100_000 }), {
    code: 'storage-failed',
  })
  await blind?.close()
  // Without the field it is the index of an archive that is missing.
  const { loose: _, ...plain } = index
  await writeFile(path, formatIndex(plain))
  t.equal(await store.identify(key), undefined)
  t.equal(await store.open(key), undefined)
  t.equal(await store.open('archives/none/x__y.tgz'), undefined)
  t.equal(await store.open('no archive'), undefined)
  t.equal(await store.identify('no archive'), undefined)
  t.ok((await store.list('capturekit')).length > 0)
  t.equal(await shelf.lookUp('archives/none'), undefined)
})

t.test('one copy of the bytes, whatever is published', async t => {
  const made = await dataFolder(t)
  await made.wants({ [KIT]: 'v1.0' })
  await made.put(KIT, { 'a.bin': noise(100_000) })
  const first = await uploaded(made)
  t.equal(first.generation, 1)
  t.match(first.events.at(-1), { event: 'done', action: 'uploaded' })
  const names = await readdir(made.place, { recursive: true })
  t.same(
    names.filter(name => /\.tgz$|a\.bin$/.test(name)),
    ['capturekit/common/agilent/v1.0/a.bin'],
  )
  const again = await uploaded(made)
  t.equal(again.generation, 1)
  t.match(again.summary, { done: 1, bytes: 0, failures: [] })
  await made.wants({ [KIT]: 'v1.1', 'mutect2/pon': '1' })
  await made.put('mutect2/pon', { 'x.vcf': 'x' })
  t.equal((await uploaded(made)).generation, 2)
  const { depot } = await startApp(t, { store: made.place })
  const { catalogue } = depot.current
  t.same(await depot.check(), [])
  t.equal(catalogue.entry('capturekit.common', 'agilent')?.tag.name, 'v1.1', 'the newest one')
  t.equal(catalogue.entry('capturekit.common', 'agilent', 'v1.0')?.tag.name, 'v1.0')
  t.ok(catalogue.entry('mutect2.common', 'pon'))
})

t.test('a cache keeps it as every archive, and nobody is sent to what is not there', async t => {
  const content = noise(9_000_000)
  const { made, inStore } = await served(t, { 'b.bin': content })
  const bytes = 100_000_000
  const cache = { folder: join(made.top, 'cache'), bytes }
  const { depot, app } = await startApp(t, { store: made.place, cache })
  const url = '/capturekit.common/assets/agilent/archive'
  const first = await app.inject({ url })
  t.equal(first.statusCode, 200)
  const entry = depot.current.catalogue.entry('capturekit.common', 'agilent') as CatalogueEntry
  t.equal(digest('md5', first.rawPayload), entry.tag.archiveDigest)
  // What the cache has was compared; the file in the store is not asked for again.
  await writeFile(join(inStore, 'b.bin'), noise(9_000_001).subarray(1))
  t.ok((await app.inject({ url })).rawPayload.equals(first.rawPayload))
  const plain = await startApp(t, { store: made.place })
  for (const { current } of [depot, plain.depot]) {
    const blob = await current.folder.archive(entry, 'stored')
    t.equal(blob.storedAs, undefined, 'the store has no object of that name')
    await blob.close()
  }
})
