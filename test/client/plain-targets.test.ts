import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/client/open-target.ts'
import {
  ARCHIVE_MD5,
  FASTA_FILES,
  filledWith,
  GENOME,
  remoteAsset,
} from '../support/remote-asset.ts'

const never = async () => {
  throw new Error('filled although nothing was to be fetched')
}

t.test('a flat folder: names that people read, the tag only where it is not `default`', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  const asset = remoteAsset()
  t.equal(await target.find(asset), undefined)
  t.same(await target.place(asset, filledWith()), {
    path: join(folder, 't7/fasta'),
    action: 'pulled',
  })
  t.equal(await readFile(join(folder, 't7/fasta', `${GENOME}.fa`), 'utf8'), '>t7\nACGT\n')
  t.equal(await target.find(asset), join(folder, 't7/fasta'))
  t.same(await target.place(asset, never), { path: join(folder, 't7/fasta'), action: 'current' })
  const v2 = remoteAsset({ tag: 'v2', archive: { md5: 'a'.repeat(32) } })
  t.equal((await target.place(v2, filledWith())).path, join(folder, 't7/fasta__v2'))
  const other = remoteAsset({ asked: GENOME })
  t.equal((await target.place(other, filledWith())).path, join(folder, GENOME, 'fasta'))
  t.same((await readdir(join(folder, '.refdepot/staging'))).sort(), [])
})

t.test('a folder by digests', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'digest' })
  const { path } = await target.place(remoteAsset(), filledWith())
  t.equal(path, join(folder, ARCHIVE_MD5))
  t.equal(await target.find(remoteAsset({ asked: 'enterophage' })), path)
})

t.test('an archive that is kept as it is lies beside, by its size', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' }, { archive: true })
  const fill = (text: string) => (staging: string) => writeFile(staging, text)
  const { path } = await target.place(remoteAsset(), fill('archive'))
  t.equal(path, join(folder, 't7/fasta.tgz'))
  t.equal(await readFile(path, 'utf8'), 'archive')
  t.equal(await target.find(remoteAsset()), path)
  // The unpacked asset is another thing.
  const unpacked = await openTarget({ folder, layout: 'flat' })
  t.equal(await unpacked.find(remoteAsset()), undefined)
  await writeFile(path, 'arch')
  t.equal(await target.find(remoteAsset()), undefined, 'cut off: not there')
  t.equal((await target.place(remoteAsset(), fill('archive'))).action, 'pulled')
  const digest = await openTarget({ folder, layout: 'digest' }, { archive: true })
  t.equal(
    (await digest.place(remoteAsset(), fill('archive'))).path,
    join(folder, `${ARCHIVE_MD5}.tgz`),
  )
})

t.test(
  'what fill leaves stays for the next run at the same path; the target is as it was',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'flat' })
    const seen: string[] = []
    const breaks = async (staging: string) => {
      seen.push(staging)
      await mkdir(staging, { recursive: true })
      await writeFile(join(staging, 'begun'), 'half')
      await writeFile(`${staging}.journal`, 'half')
      throw new Error('line cut')
    }
    await t.rejects(target.place(remoteAsset(), breaks), /line cut/)
    t.equal(await target.find(remoteAsset()), undefined)
    t.same(await readdir(folder), ['.refdepot'])
    const again = await openTarget({ folder, layout: 'flat' })
    await again.place(remoteAsset(), async staging => {
      seen.push(staging)
      t.equal(await readFile(join(staging, 'begun'), 'utf8'), 'half')
      await rm(join(staging, 'begun'))
      await filledWith()(staging, () => {})
    })
    t.equal(seen[0], seen[1])
    t.same(await readdir(join(folder, '.refdepot/staging')), [], 'nothing is left')
  },
)

t.test('fill that makes nothing is a failure, and what was there stays', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  await t.rejects(
    target.place(remoteAsset(), async () => {}),
    { code: 'storage-write-failed' },
  )
  await target.place(remoteAsset(), filledWith())
  const forced = await openTarget({ folder, layout: 'flat' }, { force: true })
  await t.rejects(
    forced.place(remoteAsset(), async () => {}),
    { code: 'storage-write-failed' },
  )
  t.ok(await target.find(remoteAsset()))
})

t.test('something else at the place is not touched without force', async t => {
  const folder = t.testdir({ t7: { fasta: { 'mine.txt': 'mine' } } })
  const target = await openTarget({ folder, layout: 'flat' })
  await t.rejects(target.mustAccept(remoteAsset()), { code: 'pull-refused' })
  await t.rejects(target.place(remoteAsset(), never), {
    code: 'pull-refused',
    message: new RegExp(`${folder}/t7/fasta is there already .* --force`),
  })
  t.equal(await readFile(join(folder, 't7/fasta/mine.txt'), 'utf8'), 'mine')
  const forced = await openTarget({ folder, layout: 'flat' }, { force: true })
  t.equal((await forced.place(remoteAsset(), filledWith())).action, 'pulled')
  t.same((await readdir(join(folder, 't7/fasta'))).sort(), [
    `${GENOME}.fa`,
    `${GENOME}.fa.fai`,
    'inner',
  ])
  // Another archive of the same name is something else, too; force also fetches the same again.
  const newer = remoteAsset({ archive: { md5: 'b'.repeat(32) } })
  await t.rejects(target.place(newer, never), { code: 'pull-refused' })
  t.equal((await forced.place(newer, filledWith({ 'new.txt': 'new' }))).action, 'pulled')
  t.same(await readdir(join(folder, 't7/fasta')), ['new.txt'])
  t.equal((await forced.place(newer, filledWith({ 'new.txt': 'new' }))).action, 'pulled')
})

t.test('an asset that has lost a file is fetched again without force', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  const { path } = await target.place(remoteAsset(), filledWith())
  await rm(join(path, `${GENOME}.fa.fai`))
  t.equal(await target.find(remoteAsset()), undefined)
  t.equal((await target.place(remoteAsset(), filledWith())).action, 'pulled')
  t.ok(await target.find(remoteAsset()))
})

t.test('the record tells what was placed, and nothing that is secret', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  const sha256 = 'c'.repeat(64)
  const asset = remoteAsset({
    server: 'https://me:secret@refgenomes.org/x/?token=secret#secret',
    archive: { urls: ['https://store/a?X-Amz-Signature=secret'], sha256 },
  })
  await target.place(asset, async (staging, note) => {
    await filledWith()(staging, note)
    note([{ path: `${GENOME}.fa`, sha256 }])
  })
  const text = await readFile(join(folder, '.refdepot/records/t7/fasta.json'), 'utf8')
  t.notMatch(text, /secret/)
  const { files, ...record } = JSON.parse(text)
  t.match(record, {
    format: 'refdepot-placed',
    version: 1,
    registry_path: 't7/fasta:default',
    genome: { digest: GENOME, aliases: ['t7', 'enterophage'] },
    form: 'folder',
    place: 't7/fasta',
    server: 'https://refgenomes.org/x',
    archive: { md5: ARCHIVE_MD5, sha256, size: 7 },
  })
  t.same(files, [
    { path: `${GENOME}.fa`, size: 9, sha256 },
    { path: `${GENOME}.fa.fai`, size: 11 },
    { path: 'inner/Grünling ☃.txt', size: 6 },
  ])
  t.equal(Object.keys(FASTA_FILES).length, files.length)
})

t.test('two assets of one place are refused before anything is fetched', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  const lower = remoteAsset()
  t.throws(() => target.mustDiffer([lower, remoteAsset({ name: 'Fasta' })]), {
    code: 'pull-refused',
    message: /t7\/fasta:default and t7\/Fasta:default would both become/,
  })
  const strange = remoteAsset({ name: 'fasta__v2' })
  t.throws(() => target.mustDiffer([remoteAsset({ tag: 'v2' }), strange]), { code: 'pull-refused' })
  t.doesNotThrow(() => target.mustDiffer([lower, lower, remoteAsset({ asked: 'enterophage' })]))
  const digest = 'd'.repeat(48)
  const other = remoteAsset({ genome: { digest }, name: 'index' })
  t.throws(() => target.mustDiffer([lower, other]), {
    code: 'pull-refused',
    message: `t7 is the genome ${GENOME} for one asset and ${digest} for another`,
  })
  const newer = remoteAsset({ archive: { md5: 'b'.repeat(32) } })
  t.throws(() => target.mustDiffer([lower, newer]), { code: 'pull-refused' })
})

t.test('names that lead out of the folder are refused', async t => {
  const folder = t.testdir({})
  const seek = (seek_keys: Record<string, string>) => remoteAsset({ attributes: { seek_keys } })
  for (const layout of ['flat', 'digest', 'refgenie'] as const) {
    const target = await openTarget({ folder, layout })
    for (const asset of [
      remoteAsset({ asked: '..' }),
      remoteAsset({ genome: { digest: '../../etc' } }),
      remoteAsset({ genome: { digest: '' } }),
      remoteAsset({ genome: { digest: '__proto__' } }),
      remoteAsset({ name: '../x' }),
      remoteAsset({ name: 'a.b' }),
      remoteAsset({ name: '__proto__' }),
      remoteAsset({ name: 'x'.repeat(300) }),
      remoteAsset({ tag: '..' }),
      remoteAsset({ tag: '.refdepot' }),
      remoteAsset({ tag: 'a/b' }),
      remoteAsset({ archive: { md5: '../../x' } }),
      seek({ fasta: '/etc/passwd' }),
      seek({ fasta: '../x' }),
      seek({ fasta: 'a/../../x' }),
      seek({ fasta: 'a\u0000b' }),
      seek({ fasta: '' }),
      seek({ '../x': 'a' }),
      remoteAsset({ attributes: { asset_parents: ['../x'] } }),
      remoteAsset({ attributes: { asset_parents: ['fasta'] } }),
    ]) {
      // A registry path that is none asks for the digest: then that must be plain.
      if (asset.registryPath.startsWith('../')) Object.assign(asset.genome, { digest: '..' })
      await t.rejects(target.place(asset, never), { code: 'pull-refused' }, asset.registryPath)
      await t.rejects(target.find(asset), { code: 'pull-refused' })
      t.throws(() => target.mustDiffer([asset]), { code: 'pull-refused' })
    }
  }
  t.same(await readdir(folder), [])
})

t.test('a folder that cannot be written is told before anything is fetched', async t => {
  const folder = join(t.testdir({ file: 'no folder' }), 'file')
  for (const layout of ['flat', 'digest'] as const) {
    const target = await openTarget({ folder, layout })
    await t.rejects(target.mustAccept(remoteAsset()), { code: 'storage-write-failed' })
    await t.rejects(target.place(remoteAsset(), never), { code: 'storage-write-failed' })
  }
  t.ok((await stat(folder)).isFile())
})
