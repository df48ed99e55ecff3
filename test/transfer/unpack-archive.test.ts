/** Archives that are unpacked while they arrive: with an index in any order, without one as a stream. */
import { lstat, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { pack } from 'tar-stream'
import { readIndex } from '../../src/archive/archive-plan.ts'
import type { MemberIndex } from '../../src/archive/member-index.ts'
import { filesOf } from '../../src/archive/member-index.ts'
import { MemberPlaces } from '../../src/transfer/member-places.ts'
import { PART_SIZE } from '../../src/transfer/part-plan.ts'
import type { RemoteFile } from '../../src/transfer/remote-file.ts'
import { unpackArchive } from '../../src/transfer/unpack-archive.ts'
import { unpackStream } from '../../src/transfer/unpack-stream.ts'
import { annotation, plainFasta } from '../support/content-shapes.ts'
import { create } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { type Hook, rangeServer, sendRange } from '../support/range-server.ts'
import { digestOf, fastNoise, quickly, remoteFile } from '../support/remote-files.ts'

const FILES = {
  '{genome}.fa': plainFasta(3_000_000, 7),
  'big.bin': fastNoise(11_000_000, 3),
  'sub/{genome}.gtf': annotation(3000),
  [`${'long/'.repeat(20)}x.txt`]: 'long',
  'ünï cödé 中.txt': 'unicode',
  'empty.txt': '',
  'empty folder/': '',
  'size65280.bin': fastNoise(65_280),
  'size65281.bin': fastNoise(65_281),
  'second.bin': fastNoise(5_000_000, 5),
  'run.sh': { executable: '#!/bin/sh\n' },
  'link.fa': { link: '{genome}.fa' },
}

interface Made {
  readonly archive: Buffer
  readonly index: MemberIndex
  /** Content by path; a link as `-> target`. */
  readonly tree: Readonly<Record<string, string>>
}

let made: Made

t.before(async () => {
  const folder = await genomeFolder(t as Test, { 'odd:default': { files: FILES } })
  t.match((await create(folder)).summary, { archived: 1, failed: 0 })
  const path = join(folder.archiveFolder, T7, 'odd__default.tgz')
  const index = (await readIndex(path)) as MemberIndex
  made = { archive: await readFile(path), index, tree: await treeOf(folder.tagFolder('odd')) }
})

async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.startsWith('_refgenie_build')) continue
    const path = join(folder, name)
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) tree[name] = `-> ${await readlink(path)}`
    else if (stats.isDirectory()) tree[name] = 'folder'
    else {
      const digest = digestOf('sha256', await readFile(path))
      tree[name] = `${digest}${(stats.mode & 0o100) === 0 ? '' : ' executable'}`
    }
  }
  return tree
}

async function setUp(t: Test, hook?: Hook) {
  const server = await rangeServer(t, { 'a.tgz': made.archive }, hook)
  const top = t.testdir()
  const folder = join(top, 'staging')
  const options = { ...quickly(t), index: made.index }
  return { server, top, folder, options, file: withChunks(made, [`${server.url}/a.tgz`]) }
}

function withChunks({ archive, index }: Made, urls: readonly string[]): RemoteFile {
  const { chunk_size: size, chunks: sha256 } = index.archive
  return { ...remoteFile(archive, urls, false), parts: { size, sha256 } }
}

t.test('unpacked part by part: the same tree, and nothing beside it', async t => {
  t.ok(made.archive.length > 4 * PART_SIZE, 'several parts')
  const places = new MemberPlaces(filesOf(made.index))
  t.ok(places.across(PART_SIZE), 'a block lies in two parts')
  const { folder, options, file, top } = await setUp(t)
  const summary = await unpackArchive(file, folder, options)
  t.strictSame(summary, { received: made.archive.length, resumed: 0, retried: 0 })
  t.strictSame(await treeOf(folder), made.tree)
  t.strictSame(await readdir(top), ['staging'])
})

t.test('stopped after any part and gone on with', async t => {
  const parts = Math.ceil(made.archive.length / PART_SIZE)
  for (let wanted = 1; wanted < parts; wanted += 1) {
    const { folder, options, file, server } = await setUp(t)
    // Every second part comes, so that done and missing ones lie side by side.
    const order = Array.from({ length: parts }, (_, i) => (i * 3) % parts)
    const stop = new AbortController()
    let verified = 0
    server.hook = ({ range, response }) => {
      if (range === undefined) return false
      const number = Math.floor(range.start / PART_SIZE)
      if (!order.slice(0, wanted).includes(number)) return true
      const end = Math.min(made.archive.length, (number + 1) * PART_SIZE)
      sendRange(response, made.archive, { start: range.start, end })
      return true
    }
    const first = unpackArchive(file, folder, {
      ...options,
      jobs: parts,
      signal: stop.signal,
      onEvent: event => {
        if (event.event === 'verified' && ++verified === wanted) stop.abort(new Error('stopped'))
      },
    })
    await t.rejects(first, { message: 'stopped' })
    server.hook = undefined
    const before = server.sent()
    const summary = await unpackArchive(file, folder, options)
    t.ok(summary.resumed > 0, `${summary.resumed} bytes of ${wanted} parts used again`)
    const again = server.sent() - before + summary.resumed - made.archive.length
    t.ok(again >= 0 && again <= wanted * 2 * 65_536, `${again} bytes of borders twice`)
    t.strictSame(await treeOf(folder), made.tree)
  }
})

t.test('what is damaged on disk meanwhile is found, and the next run heals it', async t => {
  const { folder, options, file } = await setUp(t)
  const stop = new AbortController()
  let verified = 0
  const first = unpackArchive(file, folder, {
    ...options,
    jobs: 1,
    signal: stop.signal,
    onEvent: event => {
      if (event.event === 'verified' && ++verified === 2) stop.abort(new Error('stopped'))
    },
  })
  await t.rejects(first, { message: 'stopped' })
  const path = join(folder, filesOf(made.index).find(({ size }) => size > 1e6)?.path ?? '')
  const bytes = await readFile(path)
  bytes[10] = (bytes[10] as number) ^ 1
  await writeFile(path, bytes)
  await t.rejects(unpackArchive(file, folder, options), {
    code: 'digest-mismatch',
    message: /has the digest [0-9a-f]{64}, its index says/,
  })
  await unpackArchive(file, folder, options)
  t.strictSame(await treeOf(folder), made.tree)
})

t.test('a journal without its folder counts for nothing', async t => {
  const { folder, options, file } = await setUp(t)
  const stop = new AbortController()
  const onEvent = ({ event }: { event: string }) => {
    if (event === 'verified') stop.abort(new Error('stopped'))
  }
  const first = unpackArchive(file, folder, { ...options, signal: stop.signal, onEvent })
  await t.rejects(first, { message: 'stopped' })
  await rm(folder, { recursive: true })
  t.match(await unpackArchive(file, folder, options), { resumed: 0 })
  t.strictSame(await treeOf(folder), made.tree)
})

t.test('a damaged part is fetched again', async t => {
  let number = 0
  const { folder, options, file } = await setUp(t, ({ range, response }) => {
    if (range === undefined || number++ > 0) return false
    const bytes = Buffer.from(made.archive)
    bytes[range.start + 50] = (bytes[range.start + 50] as number) ^ 4
    sendRange(response, bytes, range)
    return true
  })
  t.match(await unpackArchive(file, folder, options), { retried: PART_SIZE })
  t.strictSame(await treeOf(folder), made.tree)
})

t.test('single files: only their blocks are fetched', async t => {
  const { folder, options, file, server } = await setUp(t)
  const only = ['size65281.bin', 'second.bin', 'empty.txt']
  await unpackArchive(file, folder, { ...options, only })
  const expected = Object.fromEntries(only.map(path => [path, made.tree[path]]))
  t.strictSame(await treeOf(folder), expected)
  const blocks = filesOf(made.index).filter(({ path }) => only.includes(path))
  t.equal(
    server.sent(),
    blocks.reduce((sum, { start, end }) => sum + end - start, 0),
  )
})

t.test('single files whose blocks are damaged', async t => {
  const bytes = Buffer.from(made.archive)
  const member = filesOf(made.index).find(({ path }) => path === 'second.bin')
  bytes[(member?.start ?? 0) + 3000] = 1 ^ (bytes[(member?.start ?? 0) + 3000] as number)
  const { folder, options, file, server } = await setUp(t, ({ range, response }) => {
    sendRange(response, bytes, range)
    return true
  })
  const only = ['second.bin']
  const failed = unpackArchive(file, folder, { ...options, only })
  await t.rejects(failed, { code: 'digest-mismatch', message: /bytes \d+ to \d+ are not what/ })
  // Damaged twice, then as it should be: only these blocks are fetched again.
  let times = 0
  server.hook = ({ range, response }) => {
    times += 1
    sendRange(response, times <= 2 ? bytes : made.archive, range)
    return true
  }
  const { retried, received } = await unpackArchive(file, folder, { ...options, only })
  t.strictSame([retried > 0, received - retried < 2 * PART_SIZE], [true, true])
  t.ok((await readFile(join(folder, 'second.bin'))).equals(fastNoise(5_000_000, 5)))
})

t.test('an index that leads out of the folder', async t => {
  const { folder, options, file, top } = await setUp(t)
  const entry = filesOf(made.index)[0] as object
  const entries = (more: object[]) => ({ ...made.index, entries: more }) as MemberIndex
  for (const [bad, message] of [
    [[{ ...entry, path: '../out' }], /refused/],
    [[{ ...entry, path: '/etc/out' }], /refused/],
    [[{ ...entry, path: 'a//b' }], /refused/],
    [[{ ...entry, path: 'a\\b' }], /refused/],
    [[{ type: 'link', path: 'a', target: '../../etc' }], /leads out of it/],
    [[{ type: 'link', path: 'a', target: '/etc' }], /leads out of it/],
    [
      [
        { type: 'link', path: 'a', target: 'b' },
        { ...entry, path: 'a/x' },
      ],
      /which is no folder/,
    ],
    [[entry, entry], /twice/],
    // Seen alone each of these stays inside; behind another link `..` leads elsewhere.
    [
      [
        { type: 'link', path: 'a/b/up', target: '../..' },
        { type: 'link', path: 'out', target: 'a/b/up/../../secret' },
      ],
      /out of the archive climbs behind another link/,
    ],
  ] as const) {
    const index = entries([...bad])
    const failed = (async () => unpackArchive(file, folder, { ...options, index }))()
    await t.rejects(failed, { code: 'pull-refused', message })
  }
  t.strictSame(await readdir(top), [])
})

/** A tar in gzip as other tools make it. */
async function tarOf(entries: readonly (readonly [object, string?])[]): Promise<Buffer> {
  const tar = pack()
  for (const [header, content] of entries) tar.entry(header as { name: string }, content ?? '')
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return gzipSync(Buffer.concat(chunks))
}

const file = (name: string) => ({ name, type: 'file' })

t.test('an archive of another tool, through a file', async t => {
  const plain = gunzipSync(made.archive)
  const foreign = gzipSync(plain, { level: 1 })
  const server = await rangeServer(t, { 'a.tgz': foreign })
  const folder = join(t.testdir(), 'staging')
  const remote = remoteFile(foreign, [`${server.url}/a.tgz`], false)
  const stop = new AbortController()
  const onEvent = ({ event }: { event: string }) => {
    if (event === 'verified') stop.abort(new Error('stopped'))
  }
  const first = unpackArchive(remote, folder, { ...quickly(t), signal: stop.signal, onEvent })
  await t.rejects(first, { message: 'stopped' })
  const summary = await unpackArchive(remote, folder, quickly(t))
  t.ok(summary.resumed > 0)
  t.strictSame(await treeOf(folder), made.tree)
  t.strictSame(await readdir(t.testdirName), ['staging'])
  const only = unpackArchive(remote, `${folder}2`, { ...quickly(t), only: ['run.sh', 'empty.txt'] })
  await only
  t.strictSame(Object.keys(await treeOf(`${folder}2`)).sort(), ['empty.txt', 'run.sh'])
  const none = unpackArchive(remote, `${folder}3`, { ...quickly(t), only: ['nothing'] })
  await t.rejects(none, { code: 'pull-refused', message: /has no file nothing/ })
})

t.test('odd members of an archive of another tool', async t => {
  const good = await tarOf([
    [{ name: './default/', type: 'directory' }],
    [file('./default/a.txt'), 'a'],
    [{ name: './default/hard', type: 'link', linkname: './default/a.txt' }],
    [{ name: './default/sub/soft', type: 'symlink', linkname: '../a.txt' }],
    [{ name: './default/alias', type: 'symlink', linkname: 'sub' }],
    [{ name: './default/down', type: 'symlink', linkname: 'alias/soft' }],
    [{ ...file('./default/run'), mode: 0o755 }, 'x'],
  ])
  const server = await rangeServer(t, { 'good.tgz': good })
  const top = t.testdir()
  const pull = (content: Buffer, name: string) => {
    const remote = remoteFile(content, [`${server.url}/${name}`], false)
    return unpackArchive(remote, join(top, name, 'staging'), quickly(t))
  }
  await pull(good, 'good.tgz')
  const a = digestOf('sha256', Buffer.from('a'))
  t.match(await treeOf(join(top, 'good.tgz/staging')), {
    'a.txt': a,
    hard: a,
    'sub/soft': '-> ../a.txt',
    down: '-> alias/soft',
    run: /executable$/,
  })
  // Links to files of other assets, as refgenieserver packs them.
  const linked = await tarOf([
    [{ name: 'x/in', type: 'symlink', linkname: 'a' }],
    [{ name: 'x/sub/abs', type: 'symlink', linkname: '/data/g/fasta/default/g.fa' }],
    [{ name: 'x/up', type: 'symlink', linkname: '../../y' }],
  ])
  server.hook = ({ response, range }) => {
    sendRange(response, linked, range)
    return true
  }
  const remote = remoteFile(linked, [`${server.url}/linked.tgz`], false)
  await unpackArchive(remote, join(top, 'linked'), {
    ...quickly(t),
    outsideLink: (path, target) => (path === 'up' ? undefined : `mapped ${path} ${target}`),
  })
  t.strictSame(await treeOf(join(top, 'linked')), {
    in: '-> a',
    sub: 'folder',
    'sub/abs': '-> mapped sub/abs /data/g/fasta/default/g.fa',
  })
  const bad: readonly (readonly [readonly (readonly [object, string?])[], RegExp, string])[] = [
    [[[file('x/../../out'), 'x']], /refused/, 'pull-refused'],
    [[[{ name: 'x/l', type: 'symlink', linkname: '/etc' }]], /leads out/, 'pull-refused'],
    [[[{ name: 'x/l', type: 'link', linkname: 'x/none' }]], /which is no file/, 'pull-refused'],
    [[[{ name: 'x/dev', type: 'character-device' }]], /neither file, folder nor/, 'pull-refused'],
    [
      [[{ name: 'x/l', type: 'symlink', linkname: 'y' }], [file('x/l'), 'through']],
      /twice/,
      'pull-refused',
    ],
    [
      [
        [{ name: 'x/a/b/up', type: 'symlink', linkname: '../..' }],
        [{ name: 'x/a/b/up/x', type: 'symlink', linkname: '../../..' }],
        [{ name: 'x/a/b/up/x/OUTSIDE/made', type: 'symlink', linkname: 'any' }],
      ],
      /below a\/b\/up, which is no folder/,
      'pull-refused',
    ],
    [
      [
        [{ name: 'x/a/b/up', type: 'symlink', linkname: '../..' }],
        [{ name: 'x/out', type: 'symlink', linkname: 'a/b/up/../../secret' }],
      ],
      /climbs behind another link/,
      'pull-refused',
    ],
  ]
  for (const [i, [entries, message, code]] of bad.entries()) {
    const content = await tarOf(entries)
    server.hook = ({ response, range }) => {
      sendRange(response, content, range)
      return true
    }
    await t.rejects(pull(content, `bad${i}.tgz`), { code, message })
  }
  t.notOk((await readdir(top, { recursive: true })).some(path => path.includes('OUTSIDE')))
  const short = good.subarray(0, good.length - 20)
  server.hook = ({ response, range }) => {
    sendRange(response, short, range)
    return true
  }
  await t.rejects(pull(short, 'short.tgz'), { code: 'digest-mismatch', message: /no whole tar/ })
  t.equal((await stat(join(top, 'short.tgz/staging.tgz'))).size, short.length, 'kept for a look')
  await t.rejects(pull(short, 'short.tgz'), { code: 'digest-mismatch' }, 'and not fetched again')
})

t.test('an archive of another tool as it comes', async t => {
  const foreign = gzipSync(gunzipSync(made.archive), { level: 1 })
  const server = await rangeServer(t, { 'a.tgz': foreign })
  const folder = join(t.testdir(), 'staging')
  const remote = remoteFile(foreign, [`${server.url}/a.tgz`], false)
  const { events: _, ...options } = quickly(t)
  const summary = await unpackStream({ file: remote, folder, options })
  t.match(summary, { received: foreign.length, resumed: 0 })
  t.strictSame(await treeOf(folder), made.tree)
  // Without ranges it comes over one connection.
  server.hook = ({ response }) => {
    sendRange(response, foreign)
    return true
  }
  await unpackStream({ file: remote, folder, options })
  t.strictSame(await treeOf(folder), made.tree)
  const wrong = { ...remote, digests: { md5: '0'.repeat(32) } }
  const failed = unpackStream({ file: wrong, folder, options })
  await t.rejects(failed, { code: 'digest-mismatch', message: /is damaged: what arrived/ })
  server.hook = ({ response }) => {
    response.writeHead(404).end()
    return true
  }
  await t.rejects(unpackStream({ file: remote, folder, options }), { code: 'remote-missing' })
  const half = foreign.subarray(0, foreign.length - 5_000_000)
  server.hook = ({ response, range }) => {
    sendRange(response, half, range)
    return true
  }
  const halved = unpackStream({ file: remoteFile(half, remote.urls, false), folder, options })
  await t.rejects(halved, { code: 'digest-mismatch', message: /no whole tar/ })
  t.strictSame(await readdir(t.testdirName), [], 'nothing is left')
  // A mirror with other bytes does no harm.
  const bad = await rangeServer(t, { 'a.tgz': fastNoise(foreign.length, 77) })
  server.hook = undefined
  const both = { ...remote, urls: [`${bad.url}/a.tgz`, ...remote.urls] }
  await unpackStream({ file: both, folder, options })
  t.strictSame(await treeOf(folder), made.tree)
})

t.test('damage in the middle of a stream is told as damage, whoever stumbles first', async t => {
  const foreign = gzipSync(gunzipSync(made.archive), { level: 1 })
  const folder = join(t.testdir(), 'staging')
  const { events: _, ...options } = quickly(t)
  for (const place of [40_000, 500_000, 2_000_000]) {
    const damaged = Buffer.from(foreign)
    damaged.fill(0xff, place, place + 2000)
    const server = await rangeServer(t, { 'a.tgz': damaged })
    const file = remoteFile(damaged, [`${server.url}/a.tgz`], false)
    const failed = unpackStream({ file, folder, options })
    await t.rejects(failed, { code: 'digest-mismatch', message: /no whole tar/ }, String(place))
  }
})
