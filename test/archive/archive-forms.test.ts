/** What one packed archive gives: every view, every file, every range. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { extract, type Header } from 'tar-stream'
import { legacyNaming, storedNaming, v4Naming } from '../../src/archive/archive-layout.ts'
import { readIndex } from '../../src/archive/archive-plan.ts'
import { openTarget } from '../../src/archive/archive-target.ts'
import { tarBlob, viewBlob, viewLength } from '../../src/archive/archive-view.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import {
  faiBlob,
  gziBlob,
  gzipBlob,
  gzipLength,
  memberBlob,
} from '../../src/archive/member-blob.ts'
import { filesOf, type IndexFile, type MemberIndex } from '../../src/archive/member-index.ts'
import type { Blob } from '../../src/storage/blob.ts'
import { FileStore } from '../../src/storage/file-store.ts'
import type { ByteRange, StoredObject } from '../../src/storage/store.ts'
import { annotation, noise, plainFasta } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type GenomeSpec, genomeFolder, USUAL } from '../support/genome-folder.ts'
import { propertySeed } from '../support/property-seed.ts'

// Random ranges of every file and view; `npm run test:long` takes the full count, everything else a tenth.
const RANGES = process.env.REFDEPOT_TEST_FULL === '1' ? 1000 : 100

const LONG_NAME = `${'folder-with-a-long-name/'.repeat(12)}{genome}.txt`
const FILES: GenomeSpec = {
  ...USUAL,
  'odd:default': {
    files: {
      '{genome}.fa': plainFasta(200_000, 7),
      'sub_{genome}/{genome}.gtf': annotation(3000),
      [`name_${'x'.repeat(110)}.txt`]: 'over 100 bytes',
      [LONG_NAME]: 'over 256 bytes',
      'ünï cödé 中.txt': 'unicode',
      'empty.txt': '',
      'empty folder/': '',
      'size511.bin': noise(511),
      'size512.bin': noise(512),
      'size513.bin': noise(513),
      'size65279.bin': noise(65_279),
      'size65280.bin': noise(65_280),
      'size65281.bin': noise(65_281),
      'zeros.bin': Buffer.alloc(500_000),
      'run.sh': { executable: '#!/bin/sh\n' },
      'link.fa': { link: '{genome}.fa' },
      'sub_{genome}/up': { link: '../size511.bin' },
      'hard.gtf': { hardLink: 'sub_{genome}/{genome}.gtf' },
      '._resource': 'left out',
      'sub_{genome}/_refgenie_build/x': 'left out',
      '.hidden': 'kept',
    },
  },
}

interface Packed {
  readonly index: MemberIndex
  readonly folder: string
  /** Opens the archive; bytes that are read are counted. */
  open(): Promise<{ object: StoredObject; index: MemberIndex; read: () => number }>
  readonly original: (file: IndexFile) => Promise<Buffer>
}

async function pack(t: Test, asset: string): Promise<Packed> {
  const made = await genomeFolder(t, FILES)
  const summary = await createArchives(await openTarget(made.config), { registryPaths: [] })
  t.match(summary, { archived: 3, failed: 0 })
  const key = `${T7}/${asset}__default.tgz`
  const index = (await readIndex(join(made.archiveFolder, key))) as MemberIndex
  const open = async () => {
    const object = (await new FileStore(made.archiveFolder).open(key)) as StoredObject
    let count = 0
    const counted: StoredObject = {
      ...object,
      key,
      size: object.size,
      modifiedMs: object.modifiedMs,
      inode: object.inode,
      stream: range => object.stream(range),
      close: () => object.close(),
      bytes: range => {
        count += range.end - range.start
        return object.bytes(range)
      },
    }
    return { object: counted, index, read: () => count }
  }
  const original = (file: IndexFile) => readFile(join(made.tagFolder(asset), file.path))
  return { index, folder: made.archiveFolder, open, original }
}

const whole = (blob: Blob) => blob.bytes({ start: 0, end: blob.size })
const digest = (algorithm: string, bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex')

/** Ranges within so many bytes, short and long ones. */
const rangesIn = (size: number) =>
  fc
    .tuple(fc.nat(size), fc.oneof(fc.nat(2000), fc.nat(size)))
    .map(([start, length]): ByteRange => ({ start, end: Math.min(size, start + length) }))

async function checkRanges(t: Test, blob: Blob, bytes: Buffer, name: string): Promise<void> {
  await fc.assert(
    fc.asyncProperty(rangesIn(bytes.length), async range => {
      const got = await blob.bytes(range)
      if (!got.equals(bytes.subarray(range.start, range.end)))
        throw new Error(`${name} ${range.start}-${range.end}`)
    }),
    { numRuns: RANGES, seed: propertySeed(t) },
  )
  t.pass(`${RANGES} ranges of ${name}`)
}

/** Names, types and contents of a tar, read by a library that is not ours. */
async function untar(plain: Buffer): Promise<{ header: Header; content: Buffer }[]> {
  const tar = extract()
  tar.end(plain)
  const found: { header: Header; content: Buffer }[] = []
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as unknown as AsyncIterable<Buffer>) chunks.push(chunk)
    found.push({
      header: (entry as unknown as { header: Header }).header,
      content: Buffer.concat(chunks),
    })
  }
  return found
}

t.test('each file comes back whole and in ranges, plain and as .gz', async t => {
  const { index, open, original } = await pack(t, 'odd')
  for (const file of filesOf(index)) {
    const archive = await open()
    const plain = await original(file)
    const blob = memberBlob(archive, file)
    t.equal(blob.size, plain.length)
    t.ok((await whole(blob)).equals(plain), file.path)
    t.equal(file.sha256, digest('sha256', plain))
    t.equal(file.md5, digest('md5', plain))
    const gz = gzipBlob(archive, file)
    const packed = await whole(gz)
    t.equal(gz.size, gzipLength(file))
    t.ok(gunzipSync(packed).equals(plain), `${file.path}.gz`)
    t.equal(file.gz_sha256, digest('sha256', packed))
    await checkRanges(t, blob, plain, file.path)
    await checkRanges(t, gz, packed, `${file.path}.gz`)
    await blob.close()
  }
})

t.test(
  'each view has the size and digests that the index says, whole and put together from ranges',
  async t => {
    const { index, open } = await pack(t, 'odd')
    const { legacy, v4 } = index.views
    t.same(Object.keys(legacy).sort(), ['phage-seven', 't7'])
    t.ok(v4)
    if (v4 === undefined) return
    const views = [
      [legacyNaming('odd', 't7'), legacy.t7],
      [legacyNaming('odd', 'phage-seven'), legacy['phage-seven']],
      [v4Naming(v4.asset_digest, v4.sequence_collection), v4],
      [storedNaming('default'), index.archive],
    ] as const
    for (const [naming, wanted] of views) {
      const archive = await open()
      const blob = viewBlob(archive, naming, wanted)
      t.equal(blob.size, wanted?.size)
      t.equal(viewLength(index, naming), wanted?.size)
      const bytes = await whole(blob)
      t.equal(digest('md5', bytes), wanted?.md5)
      t.equal(digest('sha256', bytes), wanted?.sha256)
      await checkRanges(t, blob, bytes, naming.root)
      await blob.close()
    }
  },
)

t.test('names follow the view: folder, files and targets of links, at any depth', async t => {
  const { index, open } = await pack(t, 'odd')
  const archive = await open()
  const stored = await untar(gunzipSync(await whole(viewBlob(archive, storedNaming('default')))))
  const legacy = await untar(
    gunzipSync(await whole(viewBlob(archive, legacyNaming('odd', 'phage-seven')))),
  )
  t.equal(stored.length, index.entries.length + 1)
  const names = stored.map(({ header }) => header.name)
  t.equal(names[0], 'default/')
  t.ok(names.includes(`default/${LONG_NAME.replace('{genome}', T7)}`))
  t.ok(names.includes('default/ünï cödé 中.txt'))
  t.ok(names.includes('default/empty folder/'))
  t.notOk(names.some(name => name.includes('_refgenie_build') || name.includes('._')))
  t.same(
    legacy.map(({ header }) => header.name),
    names.map(name => name.replace(/^default/, 'odd').replaceAll(T7, 'phage-seven')),
  )
  const link = legacy.find(({ header }) => header.name === 'odd/link.fa')?.header
  t.match(link, { type: 'symlink', linkname: 'phage-seven.fa' })
  const up = stored.find(({ header }) => header.name.endsWith('/up'))?.header
  t.match(up, { type: 'symlink', linkname: '../size511.bin' })
  t.match(stored.find(({ header }) => header.name.endsWith('run.sh'))?.header, {
    mode: 0o755,
    uid: 0,
    uname: '',
  })
  for (const [i, { content }] of stored.entries())
    t.ok(content.equals(legacy[i]?.content as Buffer))
  await archive.object.close()
})

t.test(
  'a file linked from another asset is packed, marked, and left out of the view of refgenie 1.x',
  async t => {
    const { index, open, original } = await pack(t, 'bwa_index')
    const fasta = filesOf(index).find(file => file.path === `${T7}.fa`) as IndexFile
    t.equal(fasta.linked, `${T7}/fasta:default`)
    const archive = await open()
    t.ok((await whole(memberBlob(archive, fasta))).equals(await original(fasta)))
    const { v4 } = index.views
    t.equal(v4?.sequence_collection, fasta.fasta?.sequence_collection)
    if (v4 === undefined) return
    const naming = v4Naming(v4.asset_digest, v4.sequence_collection)
    const entries = await untar(gunzipSync(await whole(viewBlob(archive, naming))))
    t.same(
      entries.map(({ header }) => header.name),
      ['', `${v4.sequence_collection}.fa.amb`, `${v4.sequence_collection}.fa.bwt`].map(
        name => `${v4.asset_digest}/${name}`,
      ),
    )
    await archive.object.close()
  },
)

t.test('the tar view is the archive, inflated, with exact length and ranges', async t => {
  const { index, open } = await pack(t, 'odd')
  const archive = await open()
  const packed = await whole(viewBlob(archive, storedNaming('default')))
  const blob = tarBlob(archive, storedNaming('default'))
  const plain = await whole(blob)
  t.ok(plain.equals(gunzipSync(packed)))
  t.equal(blob.size, plain.length)
  t.not(blob.etag, index.archive.md5)
  await checkRanges(t, blob, plain, 'tar')
  await blob.close()
})

t.test('a range reads the blocks it needs and no others', async t => {
  const { index, open } = await pack(t, 'odd')
  const file = filesOf(index).find(({ path }) => path === `${T7}.fa`) as IndexFile
  const archive = await open()
  await memberBlob(archive, file).bytes({ start: 100_000, end: 100_010 })
  t.ok(archive.read() < 30_000, `${archive.read()} bytes for 10 bytes of a FASTA: one block`)
  const all = await open()
  await viewBlob(all, legacyNaming('odd', 't7')).bytes({ start: 0, end: 600 })
  t.equal(all.read(), 0, 'headers are not read but made')
  for (const { object } of [archive, all]) await object.close()
})

t.test('a damaged block is never sent', async t => {
  const { index, open } = await pack(t, 'odd')
  const file = filesOf(index).find(({ path }) => path === `${T7}.fa`) as IndexFile
  const { object } = await open()
  const rotten: StoredObject = {
    ...object,
    bytes: async range => {
      const bytes = await object.bytes(range)
      bytes[100] = (bytes[100] as number) ^ 1
      return bytes
    },
  }
  const blob = memberBlob({ object: rotten, index }, file)
  await t.rejects(blob.bytes({ start: 0, end: 10 }), { code: 'archive-damaged' })
  const failing = { ...object, bytes: () => Promise.reject(new TypeError('bug')) }
  await t.rejects(
    memberBlob({ object: failing, index }, file).bytes({ start: 0, end: 1 }),
    TypeError,
  )
  const stream = memberBlob(await open(), file).stream({ start: 0, end: file.size })
  stream.destroy()
  await new Promise(done => stream.once('close', done))
  await object.close()
})

t.test('a FASTA has the indexes of samtools', async t => {
  const { index } = await pack(t, 'odd')
  const file = filesOf(index).find(({ path }) => path === `${T7}.fa`) as IndexFile
  const fai = faiBlob(file) as Blob
  t.equal(String(await whole(fai)), 'chr1\t200000\t6\t60\t61\n')
  const gzi = await whole(gziBlob(file))
  t.equal(gzi.readBigUInt64LE(0), BigInt(Math.ceil(file.size / 65_280) - 1))
  t.equal(gzi.readBigUInt64LE(16), 65_280n)
  const other = filesOf(index).find(({ path }) => path === 'empty.txt') as IndexFile
  t.equal(faiBlob(other), undefined)
  t.equal((await whole(gziBlob(other))).readBigUInt64LE(0), 0n)
})
