import { appendFile, chmod, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ArchiveFolder } from '../../src/archive/archive-folder.ts'
import { archiveKeys, FOLDER_PLACES, foldersOf } from '../../src/archive/archive-places.ts'
import { ContentIndex } from '../../src/archive/content-index.ts'
import { Depot } from '../../src/archive/depot.ts'
import { DigestLedger } from '../../src/archive/digest-ledger.ts'
import { DigestThread } from '../../src/archive/digest-thread.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { checkFolder } from '../../src/archive/folder-check.ts'
import { IndexShelf } from '../../src/archive/index-shelf.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import type { Store } from '../../src/storage/store.ts'
import { exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { aGenome, anAsset, aTag, T7 } from '../support/genome-fixtures.ts'

// Small files are believed to be what they were for a second.
const BELIEVED_MS = 1100

async function openExample(t: Test) {
  const { folder, config } = await exampleCopy(t)
  const depot = await Depot.open({ config, archiveFolder: folder })
  t.teardown(() => depot.close())
  const entry = (tag = 'default') =>
    depot.current.catalogue.entry('t7', 'fasta', tag) as CatalogueEntry
  return { folder, config, depot, entry }
}

/** What a check learns from indexes, which these archives do not have. */
const learning = (store: Store) => ({
  places: FOLDER_PLACES,
  shelf: new IndexShelf(store),
  contents: new ContentIndex(),
})

const md5Of = async (folder: string, key: string) => (await fileDigests(join(folder, key))).md5

t.test(
  'the archive of a tag has the md5 of the config as ETag, and digests once they were computed',
  async t => {
    const { folder, depot, entry } = await openExample(t)
    const before = await depot.current.folder.archive(entry(), 'stored')
    t.equal(before.etag, await md5Of(folder, T7_FASTA))
    t.same(before.digests, {})
    await before.close()
    await t.rejects(depot.current.folder.digests(entry(), 'stored'), { code: 'digest-pending' })
    t.same(await depot.check(), [])
    t.match(depot.progress, { state: 'done', checked: 14, total: 14 })
    const after = await depot.current.folder.digests(entry(), 'stored')
    t.same(after, await fileDigests(join(folder, T7_FASTA)))
    t.equal(depot.current.folder.md5OfSha256(after.sha256), after.md5)
  },
)

t.test('the legacy archive lies in the folder of the first alias', async t => {
  const { folder, depot, entry } = await openExample(t)
  const blob = await depot.current.folder.archive(entry(), 'legacy')
  t.equal(blob.etag, await md5Of(folder, 't7/fasta__default.tgz'))
  await blob.close()
  const genome = aGenome(T7, [anAsset()], { aliases: [], folder: 'old' })
  const bare = { genome, asset: anAsset(), tag: aTag() }
  t.equal(
    archiveKeys(bare, 'legacy')[0],
    'old/fasta__default.tgz',
    'without legacy digest the stored one',
  )
  t.same(foldersOf(bare, 'legacy'), [T7, `${T7}/fasta/default`, 'old', 'old/fasta/default'])
})

t.test('an archive without any digest in the config is served under its computed one', async t => {
  const { folder, depot } = await openExample(t)
  const genome = aGenome(T7)
  const entry = { genome, asset: anAsset(), tag: aTag('default', { archive_digest: '' }) }
  const unknown = await depot.current.folder.archive(entry, 'stored')
  t.match(unknown.etag, /^[0-9a-f]+-[0-9a-f]+-\d+$/)
  await unknown.close()
  await depot.check()
  const known = await depot.current.folder.archive(entry, 'stored')
  t.equal(known.etag, await md5Of(folder, T7_FASTA))
  await known.close()
})

t.test('a damaged archive is never sent, and a missing one is missing', async t => {
  const { folder, depot, entry } = await openExample(t)
  await appendFile(join(folder, T7_FASTA), 'rot')
  await rm(join(folder, T7, 'fasta__v2.tgz'))
  await writeFile(join(folder, 't7', 'fasta__v2.tgz'), '')
  const damages = await depot.check()
  t.match(damages, [
    {
      registryPath: `${T7}/fasta:default`,
      file: T7_FASTA,
      problem: 'damaged',
      reason: /its md5 is .*config says/,
    },
    { registryPath: `${T7}/fasta:v2`, problem: 'missing' },
    { file: 't7/fasta__v2.tgz', problem: 'empty' },
  ])
  t.same(depot.damages, damages)
  await t.rejects(depot.current.folder.archive(entry(), 'stored'), { code: 'archive-damaged' })
  await t.rejects(depot.current.folder.digests(entry(), 'stored'), { code: 'archive-damaged' })
  await t.rejects(depot.current.folder.archive(entry('v2'), 'stored'), { code: 'archive-missing' })
})

t.test('without its archive an asset still has the files of its unpacked copy', async t => {
  const { folder, depot, entry } = await openExample(t)
  const files = depot.current.folder
  await rm(join(folder, T7_FASTA))
  await rm(join(folder, T7, 'fasta__v2.tgz'))
  t.equal((await files.files(entry())).length, 2)
  const blob = await files.file(entry(), 'sub dir/é.txt')
  t.equal(blob.size, 8)
  await blob.close()
  t.same(await files.files(entry('v2')), [], 'there is no copy of this one')
  await t.rejects(files.file(entry('v2'), `${T7}.fa`), { code: 'unknown-file' })
})

t.test('logs, recipes and contents are found, in either folder', async t => {
  const { folder, depot, entry } = await openExample(t)
  const files: ArchiveFolder = depot.current.folder
  for (const [name, type] of [
    ['log', 'application/octet-stream'],
    ['recipe', 'application/json'],
    ['contents', 'application/json'],
  ] as const) {
    const blob = await files.sideFile(entry(), name, 'stored')
    t.equal(blob?.mediaType, type)
    await blob?.close()
  }
  const fallen = await files.sideFile(entry(), 'contents', 'legacy')
  t.ok(fallen, 'the alias folder has no list of contents: the one of the digest folder counts')
  await fallen?.close()
  await rm(join(folder, T7, 'build_log_fasta__default.md'))
  await wait(BELIEVED_MS)
  t.equal(await files.sideFile(entry(), 'log', 'stored'), undefined)
})

t.test('unpacked files are read by path, and only those', async t => {
  const { depot, entry } = await openExample(t)
  const files = depot.current.folder
  const blob = await files.file(entry(), 'sub dir/é.txt')
  t.equal(String(await blob.bytes({ start: 0, end: 3 })), 'odd')
  await blob.close()
  for (const path of [
    'none',
    '',
    '.',
    '..',
    '../fasta__default.tgz',
    'sub dir',
    'sub dir//é.txt',
    'a/../x',
  ]) {
    await t.rejects(files.file(entry(), path), { code: 'unknown-file', asked: path })
  }
  t.same(await files.files(entry()), [
    { path: `${T7}.fa`, size: 15 },
    { path: 'sub dir/é.txt', size: 8 },
  ])
  const packed = await files.files(entry('v2'))
  t.same(
    packed.map(({ path }) => path),
    [`${T7}.chrom.sizes`, `${T7}.fa`, `${T7}.fa.fai`],
    'without an unpacked copy the archive is looked through',
  )
  t.same(await files.files(entry('v2')), packed)
  const fai = await files.file(entry('v2'), `${T7}.fa.fai`)
  t.equal(String(await fai.bytes({ start: 0, end: 8 })), 'V01146.1')
  const chunks: Buffer[] = []
  const fa = await files.file(entry('v2'), `${T7}.fa`)
  for await (const chunk of fa.stream({ start: 40_000, end: fa.size })) chunks.push(chunk)
  t.equal(Buffer.concat(chunks).length, fa.size - 40_000)
  await fa.close()
  await t.rejects(files.file(entry('v2'), 'nope'), { code: 'unknown-file' })
})

t.test('a digest is computed once for a state of a file, and again when it changes', async t => {
  const { folder, depot, config } = await openExample(t)
  await depot.check()
  const { store, catalogue } = depot.current
  const count = async (ledger: DigestLedger) => {
    let hashed = 0
    const digests = (key: string) => {
      hashed += 1
      return fileDigests(join(folder, key))
    }
    await checkFolder({ ...learning(store), catalogue, store, ledger, digests })
    return hashed
  }
  const fresh = new DigestLedger(folder)
  t.equal(await count(fresh), 0, 'another process finds the records beside the archives')
  const now = new Date()
  await utimes(join(folder, T7_FASTA), now, now)
  t.equal(await count(fresh), 1)
  await writeFile(join(folder, `${T7_FASTA}.digests.json`), 'no json')
  await writeFile(join(folder, `${T7}/fasta__v2.tgz.digests.json`), '{"format":9}')
  t.equal(
    await count(new DigestLedger(folder)),
    2,
    'records that cannot be read are computed again',
  )
  t.ok(config)
})

t.test('where the archive folder cannot be written, records go to the state folder', async t => {
  const { folder } = await openExample(t)
  const state = join(folder, 'state')
  const identity = { size: 1, modifiedMs: 2, inode: '3' }
  const digests = { md5: 'a'.repeat(32), sha256: 'b'.repeat(64), size: 1 }
  // A file in the place of the folder refuses every write, for root too.
  const blocked = join(folder, 'genome_config.yaml')
  const ledger = new DigestLedger(blocked, state)
  t.equal(await ledger.keep('x/y.tgz', identity, digests), true)
  t.equal(await new DigestLedger(blocked, state).recall('x/y.tgz', identity), true)
  t.equal(await new DigestLedger(blocked).recall('x/y.tgz', identity), false)
  t.equal(await new DigestLedger(blocked).keep('x/y.tgz', identity, digests), false, 'memory only')
  const nowhere = new DigestLedger(blocked)
  t.equal(nowhere.memoryOnly, false)
  await nowhere.keep('x/y.tgz', identity, digests)
  t.equal(nowhere.memoryOnly, true)
  t.equal(ledger.memoryOnly, false)
  t.equal(await ledger.recall('x/y.tgz', { ...identity, size: 9 }), false)
})

t.test(
  'a file that cannot be read or changes under the reader is told, the others are checked all the same',
  async t => {
    const { depot, folder } = await openExample(t)
    const { store, catalogue } = depot.current
    const ledger = new DigestLedger('/etc/hostname/nowhere')
    const seen: number[] = []
    const damages = await checkFolder({
      ...learning(store),
      catalogue,
      store,
      ledger,
      digests: async key => {
        const digests = await fileDigests(join(folder, key))
        if (key === T7_FASTA) return { ...digests, size: digests.size + 1 }
        return digests
      },
      onProgress: done => seen.push(done),
    })
    t.match(damages, [{ file: T7_FASTA, problem: 'changing' }])
    t.equal(seen.length, 14)
    const broken = { ...store, identify: () => store.identify('../x') } as never
    const unreadable = await checkFolder({ ...learning(store), catalogue, store: broken, ledger })
    t.equal(unreadable.length, 14)
    t.match(unreadable[0], { problem: 'unreadable' })
    const bug = { ...store, identify: () => Promise.reject(new TypeError('bug')) } as never
    await t.rejects(checkFolder({ ...learning(store), catalogue, store: bug, ledger }), TypeError)
  },
)

t.test('with remotes an archive need not lie here', async t => {
  const { folder, config } = await exampleCopy(t)
  const remotes = 'remotes:\n  http:\n    prefix: https://x.org\n'
  await writeFile(config, remotes + (await readFile(config, 'utf8')))
  await rm(join(folder, T7_FASTA))
  const depot = await Depot.open({ config, archiveFolder: folder })
  t.teardown(() => depot.close())
  t.same(await depot.check(), [])
})

t.test('a file that was replaced is noticed when it is asked for', async t => {
  const { folder, depot, entry } = await openExample(t)
  await depot.check()
  const { ledger } = depot.current
  const before = await depot.current.folder.archive(entry(), 'stored')
  await before.close()
  t.equal(before.etag, entry().tag.archiveDigest)
  t.equal(ledger.takeStale(), false)
  await writeFile(join(folder, T7_FASTA), 'replaced')
  await wait(BELIEVED_MS)
  const after = await depot.current.folder.archive(entry(), 'stored')
  await after.close()
  t.notMatch(after.etag, /^[0-9a-f]{32}$/, 'other bytes do not go under the digest of the old ones')
  t.equal(ledger.takeStale(), true)
  t.equal(ledger.takeStale(), false)
})

t.test('a check that is overtaken by another stops', async t => {
  const { depot } = await openExample(t)
  const [first, second] = await Promise.all([depot.check(), depot.check()])
  t.same(first, [])
  t.same(second, [])
  t.match(depot.progress, { state: 'done', total: 14 })
})

t.test('the digest thread ends when there is nothing to hash, and comes back', async t => {
  const path = join(t.testdir({ x: 'hello' }), 'x')
  const thread = new DigestThread(1)
  t.notOk(thread.isRunning)
  for (const size of [5, 5]) {
    const both = Promise.all([thread.digests(path), thread.digests(path)])
    t.ok(thread.isRunning)
    t.match(await both, [{ size }, { size }])
    while (thread.isRunning) await wait(1)
  }
  await thread.stop()
})

t.test(
  'the digest thread hashes, reports failures, and fails what waits when it is stopped',
  async t => {
    const folder = t.testdir({ x: 'hello' })
    const thread = new DigestThread()
    t.same(await thread.digests(join(folder, 'x')), {
      md5: '5d41402abc4b2a76b9719d911017c592',
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      size: 5,
    })
    await t.rejects(thread.digests(join(folder, 'none')), {
      code: 'storage-failed',
      message: /ENOENT/,
    })
    const waiting = t.rejects(thread.digests('/dev/zero'), { message: /has stopped/ })
    await thread.stop()
    await waiting
    t.equal((await thread.digests(join(folder, 'x'))).size, 5, 'it starts again')
    await thread.stop()
    await new DigestThread().stop()
    await chmod(folder, 0o755)
  },
)
