/** The archiver on several threads: the order of bytes, failures in the middle, and memory that is given back. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { legacyNaming } from '../../src/archive/archive-layout.ts'
import { ArchivePool } from '../../src/archive/archive-pool.ts'
import { type LaneKind, laneHere } from '../../src/archive/digest-lane.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { filesOf } from '../../src/archive/member-index.ts'
import { packArchive, type SegmentPacker } from '../../src/archive/pack-archive.ts'
import { readSourceTree } from '../../src/archive/source-tree.ts'
import { noise, plainFasta } from '../support/content-shapes.ts'
import { create } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolderIn } from '../support/genome-folder.ts'

const KINDS: readonly LaneKind[] = ['digest', 'sha256', 'chunks', 'fasta']

t.test('lanes on threads answer what lanes here answer, however fast bytes come', async t => {
  const pool = new ArchivePool(3)
  const text = plainFasta(6_000_000)
  for (const kind of KINDS) {
    const [far, here] = [pool.lane(kind), laneHere(kind)]
    const updates: Promise<void>[] = []
    for (let at = 0; at < text.length; at += 500_001) {
      const bytes = Buffer.from(text.subarray(at, at + 500_001))
      updates.push(far.update(bytes), here.update(bytes))
    }
    t.same(await far.end(), await here.end(), kind)
    await Promise.all(updates)
    far.drop()
    await t.rejects(far.update(text.subarray(0, 9)), { message: /has ended/ })
  }
  const forgotten = pool.lane('sha256')
  forgotten.drop()
  await t.rejects(forgotten.end(), { message: /has ended/ })
  await pool.stop()
})

/** A tag folder with a large FASTA and noise, as a source. */
async function source(folder: string) {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${T7}.fa`), plainFasta(40_000_000))
  await writeFile(join(folder, 'noise.bin'), noise(9_000_000))
  const tree = await readSourceTree({ folder, genomeFolder: folder })
  return { tree, genome: T7, asset: 'fasta', tag: 'default', aliases: ['t7', 'other'] }
}

t.test('one pass gives all digests, in bounded memory, also of archives side by side', async t => {
  const top = t.testdir({})
  const order = await source(join(top, 'tag'))
  const pool = new ArchivePool(2)
  const paths = ['a.tgz', 'b.tgz'].map(name => join(top, name))
  const indexes = await Promise.all(paths.map(path => packArchive({ ...order, path, pool })))
  t.ok(pool.memory.made <= pool.memory.most, 'no more memory than for one archive')
  t.same(indexes[0], indexes[1])
  for (const [i, index] of indexes.entries()) {
    const archive = paths[i] as string
    t.match(index.archive, await fileDigests(archive))
    for (const alias of order.aliases) {
      const digests = await pool.viewDigests({
        archive,
        index,
        naming: legacyNaming('fasta', alias),
      })
      t.same(index.views.legacy[alias], digests)
    }
  }
  for (const file of filesOf(indexes[0] as never)) {
    t.match(file, await fileDigests(join(top, 'tag', file.path)))
  }
  await pool.stop()
})

t.test('a thread that fails in the middle fails the archive; the others go on', async t => {
  const top = t.testdir({})
  const order = await source(join(top, 'tag'))
  const pool = new ArchivePool(2)
  for (const failing of ['compress', 'sha256', 'chunks', 'digest'] as const) {
    const path = join(top, `${failing}.tgz`)
    await t.rejects(packArchive({ ...order, path, pool: broken(pool, failing) }), {
      message: `${failing} broke`,
    })
    // Every segment has come back, and nobody writes to it any more.
    const all = await Promise.all(
      Array.from({ length: pool.memory.most }, () => pool.memory.take()),
    )
    t.equal(new Set(all).size, pool.memory.most)
    for (const segment of all) pool.memory.give(segment)
  }
  const path = join(top, 'sound.tgz')
  t.match((await packArchive({ ...order, path, pool })).archive, await fileDigests(path))
  await pool.stop()
})

/** A pool whose fifth answer of a kind is a failure. */
function broken(pool: ArchivePool, failing: LaneKind | 'compress'): SegmentPacker {
  let left = 5
  const fails = async (kind: string) => {
    left -= kind === failing ? 1 : 0
    if (kind === failing && left === 0) throw new Error(`${failing} broke`)
  }
  return {
    memory: pool.memory,
    compress: async (segment, length) => {
      const sizes = await pool.compress(segment, length)
      await fails('compress')
      return sizes
    },
    lane: kind => {
      const lane = pool.lane(kind)
      return { ...lane, update: bytes => lane.update(bytes).then(() => fails(kind)) }
    },
  }
}

t.test('many tags at once: what is written does not depend on the number of threads', async t => {
  const top = t.testdir({})
  const spec = Object.fromEntries(
    Array.from({ length: 14 }, (_, i) => {
      const files = { 'x.txt': `${i}`, 'y.bin': noise(1000 * i + 1, i) }
      return [`asset${i}:default`, { files }]
    }),
  )
  const runs = await Promise.all(
    [1, 4].map(async jobs => {
      const made = await genomeFolderIn(join(top, `jobs${jobs}`), spec)
      const { summary, events } = await create(made, { jobs })
      t.match(summary, { archived: 14, failed: 0 })
      const archived = events.filter(({ event }) => event === 'archived')
      const sha = async (path: string) => (await fileDigests(path)).sha256
      const archives = archived.map((_, i) =>
        sha(join(made.archiveFolder, T7, `asset${i}__default.tgz.index.json`)),
      )
      return { archived, indexes: await Promise.all(archives) }
    }),
  )
  t.same(runs[0], runs[1], 'also the order in which they are told')
})
