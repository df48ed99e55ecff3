/** Archives that other tools made, well or badly, and the small parts that real archives seldom reach. */
import { createHash } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { extract, type Header, pack } from 'tar-stream'
import { ChunkDigests } from '../../src/archive/archive-digest.ts'
import type { ArchiveEvent } from '../../src/archive/archive-events.ts'
import { ArchivePool } from '../../src/archive/archive-pool.ts'
import { openServerTarget } from '../../src/archive/archive-target.ts'
import { importArchives } from '../../src/archive/create-archives.ts'
import { ForeignArchives } from '../../src/archive/foreign-archive.ts'
import { mustFit } from '../../src/archive/free-space.ts'
import { IndexShelf } from '../../src/archive/index-shelf.ts'
import {
  CHUNK_SIZE,
  fastaColumnsOf,
  fastaFactsOf,
  INDEX_SUFFIX,
  type MemberIndex,
} from '../../src/archive/member-index.ts'
import { findMember } from '../../src/archive/member-path.ts'
import { readSourceTree } from '../../src/archive/source-tree.ts'
import { tarHeader } from '../../src/archive/tar-header.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { FastaScan } from '../../src/genomics/fasta-scan.ts'
import type { Blob } from '../../src/storage/blob.ts'
import { FileStore } from '../../src/storage/file-store.ts'
import type { Identity } from '../../src/storage/store.ts'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'

type Part = Partial<Header> & { readonly name: string; readonly content?: string }

async function tgz(parts: readonly Part[]): Promise<Buffer> {
  const tar = pack()
  for (const { content, ...header } of parts) tar.entry(header, content ?? '')
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return gzipSync(Buffer.concat(chunks))
}

/** An archive folder with one archive of another tool; answers how its import went. */
async function imported(t: Test, archive: Buffer | undefined) {
  const folder = t.testdir({ [T7]: {} })
  const key = `${T7}/x__default.tgz`
  if (archive !== undefined) await writeFile(join(folder, key), archive)
  const tag = {
    asset_path: 'x',
    seek_keys: { dir: '.' },
    archive_digest: createHash('md5')
      .update(archive ?? '')
      .digest('hex'),
    archive_size: '1 KB',
  }
  const config = join(folder, 'g.yaml')
  const genomes = { [T7]: { aliases: ['t7'], assets: { x: { tags: { default: tag } } } } }
  await writeFile(config, formatGenomeConfig({ genomes }))
  const messages: string[] = []
  const onEvent = (event: ArchiveEvent) => {
    if (event.event === 'failed') messages.push(event.error.message)
  }
  const summary = await importArchives(await openServerTarget(config), {
    registryPaths: [],
    onEvent,
  })
  return { folder, key, summary, message: messages[0] }
}

t.test('an import unpacks what is sound', async t => {
  const archive = await tgz([
    { name: 'default/', type: 'directory' },
    { name: './default/a.txt', content: 'a' },
    { name: 'default/deep/run.sh', content: 'r', mode: 0o755 },
    { name: 'default/link', type: 'symlink', linkname: 'deep/run.sh' },
  ])
  t.match((await imported(t, archive)).summary, { archived: 1 })
})

t.test('an import refuses what leads out or is no file', async t => {
  for (const [part, reason] of [
    [{ name: 'default/../../x', content: 'x' }, /leads out of it/],
    [{ name: '/etc/x', content: 'x' }, /leads out of it/],
    [
      { name: 'default/l', type: 'symlink', linkname: '/etc/passwd' },
      /a link to \/etc\/passwd; archive the asset anew/,
    ],
    [{ name: 'default/l', type: 'symlink', linkname: '../../x' }, /a link to \.\.\/\.\.\/x/],
    [{ name: 'default/l', type: 'link', linkname: 'default/a' }, /a link; archive/],
    [{ name: 'default/p', type: 'fifo' }, /a fifo; archive/],
    [{ name: 'file-at-top', content: 'x' }, /a file; archive/],
  ] as const) {
    const { message, summary } = await imported(
      t,
      await tgz([{ name: 'default/a', content: 'a' }, part]),
    )
    t.match(message, reason)
    t.match(summary, { archived: 0, failed: 1 })
  }
  const whole = await tgz([{ name: 'default/a', content: 'aaaa' }])
  t.match(
    (await imported(t, gzipSync(gunzipSync(whole).subarray(0, 514)))).message,
    /x__default.tgz: it is cut off or damaged/,
  )
  t.match((await imported(t, Buffer.from('no gzip'))).message, /incorrect header check/)
  t.match((await imported(t, undefined)).summary, { archived: 0 })
})

t.test('an archive of another tool is looked through; damage and absence are told', async t => {
  const files = await tgz([
    { name: 'default/b', content: 'bytes of b' },
    { name: 'default/a', content: 'a' },
  ])
  const cut = gzipSync(gunzipSync(files).subarray(0, 515))
  const folder = t.testdir({
    'x.tgz': files,
    'y.tgz': files.subarray(0, 60),
    'z.tgz': 'no gzip',
    'cut.tgz': cut,
  })
  const store = new FileStore(folder)
  const archives = new ForeignArchives(store, 1)
  const identity = async (key: string) => (await store.identify(key)) as Identity
  const x = await identity('x.tgz')
  t.same(await archives.files('x.tgz', x), [
    { path: 'a', size: 1 },
    { path: 'b', size: 10 },
  ])
  t.equal(await archives.file('x.tgz', x, 'none'), undefined)
  for (const key of ['y.tgz', 'z.tgz', 'cut.tgz']) {
    await t.rejects(archives.files(key, await identity(key)), { code: 'storage-failed' })
  }
  await t.rejects(archives.files('gone.tgz', x), {
    code: 'storage-failed',
    message: /not there any more/,
  })
  const blob = await archives.file('x.tgz', x, 'b')
  t.equal(String(await blob?.bytes({ start: 9, end: 10 })), 'b')
  t.equal(String(await blob?.bytes({ start: 0, end: 5 })), 'bytes')
  await t.rejects((blob as Blob).bytes({ start: 0, end: 99 }), {
    message: /b ended at byte 10/,
  })
})

t.test('indexes are kept within a budget', async t => {
  const index = (size: number) => ({ ...EMPTY, archive: { ...EMPTY.archive, size } })
  const folder = t.testdir({
    a: 'a',
    b: 'bb',
    [`a${INDEX_SUFFIX}`]: JSON.stringify(index(1)),
    [`b${INDEX_SUFFIX}`]: JSON.stringify(index(2)),
  })
  const store = new FileStore(folder)
  const shelf = new IndexShelf(store, 10)
  for (const [key, size] of [
    ['a', 1],
    ['a', 1],
    ['b', 2],
    ['a', 1],
  ] as const) {
    const identity = (await store.identify(key)) as Identity
    t.equal((await shelf.indexOf(key, identity))?.archive.size, size)
    t.equal(await shelf.indexOf(key, { ...identity, size: 9 }), undefined)
  }
  const failing = { ...store, identify: () => Promise.reject(new Error('broken')) } as never
  await t.rejects(new IndexShelf(failing).indexOf('a', { size: 1, modifiedMs: 0, inode: '' }), {
    message: 'broken',
  })
})

const EMPTY: MemberIndex = {
  format: 'refdepot-member-index',
  version: 1,
  archive: {
    size: 0,
    md5: '0'.repeat(32),
    sha256: '0'.repeat(64),
    chunk_size: CHUNK_SIZE,
    chunks: [],
  },
  compressors: {},
  genome: T7,
  asset: 'x',
  tag: 'default',
  entries: [],
  views: { legacy: {} },
  replaces: [],
}

t.test('links in a circle lead nowhere', async t => {
  const link = (path: string, target: string) => ({ type: 'link' as const, path, target })
  const index = { ...EMPTY, entries: [link('a', 'b'), link('b', 'a'), link('c', '../../x')] }
  for (const path of ['a', 'b', 'c', 'a.gz']) t.equal(findMember(index, path), undefined)
})

t.test('columns of an index give the facts of a FASTA back', async t => {
  for (const text of ['>a x\nACGT\nAC\n>b\nG\n', '', '>a\nAC\nACG\n']) {
    const scan = new FastaScan()
    scan.write(Buffer.from(text))
    const facts = scan.end()
    t.same(fastaFactsOf(fastaColumnsOf(facts)), facts)
  }
})

t.test('headers beyond ustar have a pax record', async t => {
  for (const entry of [
    { path: 'd/huge', type: 'file', size: 9 * 1024 ** 3, executable: true },
    { path: `d/${'n'.repeat(300)}`, type: 'folder', size: 0 },
    { path: 'd/l', type: 'link', size: 0, target: `${'t'.repeat(95)}éé` },
    // The length of the record counts its own digits: 99 bytes and 100 bytes are told apart.
    ...[88, 89, 90, 91].map(
      length =>
        ({ path: 'é'.repeat(length / 2) + 'x'.repeat(length % 2), type: 'file', size: 0 }) as const,
    ),
  ] as const) {
    const tar = extract()
    const headers: Header[] = []
    tar.on('entry', (header, stream, next) => {
      stream.on('error', () => {})
      headers.push(header)
      next()
    })
    // The content that the header announces does not come.
    tar.on('error', () => {})
    tar.end(Buffer.concat([tarHeader(entry), Buffer.alloc(1024)]))
    while (headers.length === 0) await new Promise(done => setImmediate(done))
    const slash = entry.type === 'folder' ? '/' : ''
    t.match(headers[0], {
      name: entry.path + slash,
      size: entry.size,
      linkname: 'target' in entry ? entry.target : null,
    })
  }
})

t.test('chunks of exactly the size, and of less', async t => {
  const bytes = noise(100_000)
  const sums = (length: number) => {
    const chunks = new ChunkDigests()
    for (let left = length; left > 0; left -= bytes.length)
      chunks.update(bytes.subarray(0, Math.min(left, bytes.length)))
    return chunks.end().length
  }
  t.equal(sums(CHUNK_SIZE), 1)
  t.equal(sums(CHUNK_SIZE + 1), 2)
  t.equal(sums(0), 0)
})

t.test('orders of a pool that is stopped fail, and so does one whose archive is gone', async t => {
  const pool = new ArchivePool(1)
  const naming = { root: 'x' }
  const empty = join(t.testdir({ e: '' }), 'e')
  const file = {
    type: 'file' as const,
    path: 'f',
    size: 9,
    sha256: '',
    md5: '',
    start: 0,
    end: 9,
    blocks: '',
    gz_sha256: '',
  }
  const index = { ...EMPTY, entries: [file] }
  await t.rejects(pool.viewDigests({ archive: '/proc/nowhere', index, naming }), {
    message: /ENOENT/,
  })
  await t.rejects(pool.viewDigests({ archive: empty, index, naming }), {
    message: /ends at byte 0/,
  })
  // A thread that is idle ends by itself, one that is busy is ended.
  await pool.stop()
  const stopped = new ArchivePool(1)
  const segments = await Promise.all([stopped.memory.take(), stopped.memory.take()])
  const orders = segments.map(segment => stopped.compress(segment, 4_000_000))
  const failures = orders.map(order => t.rejects(order, { message: /stopped|ended/ }))
  await stopped.stop()
  await Promise.all(failures)
  await t.rejects(stopped.lane('sha256').end(), { message: /stopped/ }, 'no thread starts again')
})

t.test('an archive that cannot fit is refused before it is begun', async t => {
  const folder = t.testdir({ small: 'x', large: 'begin' })
  const large = join(folder, 'large')
  const size = 2 ** 41
  await truncate(large, size)
  const entry = (source: string, bytes: number) => ({
    path: 'x',
    type: 'file' as const,
    source,
    size: bytes,
    modifiedNs: 0n,
    executable: false,
  })
  const pool = new ArchivePool(1)
  const fits = {
    root: folder,
    size,
    entries: [entry(large, size), { ...entry(folder, 0), type: 'folder' as const }],
  }
  await mustFit(folder, fits, pool)
  const noiseFile = join(folder, 'noise')
  await writeFile(noiseFile, noise(5_000_000))
  const never = {
    root: folder,
    size: 2 ** 50,
    entries: [entry(join(folder, 'small'), 1), entry(noiseFile, 5_000_000)],
  }
  await mustFit(folder, never, pool)
  const huge = {
    ...never,
    entries: Array.from({ length: 1e6 }, () => entry(join(folder, 'small'), 4_000_000)),
  }
  await t.rejects(mustFit(folder, huge, pool), {
    code: 'disk-full',
    message: /left, but the archive needs about 3\.64 TB/,
  })
  await pool.stop()
  await t.rejects(readSourceTree({ folder: large, genomeFolder: '/nowhere' }), {
    code: 'source-refused',
    message: /ENOTDIR/,
  })
})
