import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigReader } from '../../src/archive/config-reader.ts'
import { Depot } from '../../src/archive/depot.ts'
import { StoredGenome } from '../../src/domain/stored-genome.ts'
import { T7 } from '../support/genome-fixtures.ts'

const ARCHIVED = `{archive_digest: ${'b'.repeat(32)}, archive_size: 1.00 KB}`
const config = (alias: string) =>
  `genomes:\n  ${T7}: {aliases: [${alias}], assets: {fasta: {tags: {default: ${ARCHIVED}}}}}\n`

/** A folder with a config, and readers as servers have them, one after the other. */
async function place(t: Test) {
  const folder = t.testdir({ 'c.yaml': config('t7') })
  const file = join(folder, 'c.yaml')
  const state = join(folder, 'state')
  const started = (version = '1.0.0', keeps = true) =>
    new ConfigReader({ version, keeps, folder: state })
  const keep = async (reader = started()) => {
    await reader.read(file)
    await reader.keep(folder)
    return join(state, (await readdir(state))[0] as string)
  }
  /** What a new server finds: its alias, and whether it took a snapshot for it. */
  const found = async (reader = started()) => {
    const [genome] = (await reader.read(file)).genomes
    return { alias: genome?.aliases[0], warm: genome instanceof StoredGenome }
  }
  return { folder, file, state, started, keep, found }
}

t.test('what one server has read, the next one need not read again', async t => {
  const { folder, state, started, keep, found } = await place(t)
  t.same(await found(), { alias: 't7', warm: false })
  const snapshot = await keep()
  t.equal((await stat(snapshot)).mode & 0o777, 0o600, 'nobody else reads it')
  const next = started()
  t.same(await found(next), { alias: 't7', warm: true })
  const written = await stat(snapshot)
  await next.keep(folder)
  t.equal((await stat(snapshot)).ino, written.ino, 'and it is not written again')
  t.same(await readdir(state), [snapshot.slice(state.length + 1)], 'nothing else is left')
  t.same(next.takeNotes(), [])
})

t.test('a snapshot of before counts no more once the config is another one', async t => {
  const { file, keep, found } = await place(t)
  const look = async () => {
    // A whole second, so that it can be set again to the nanosecond.
    await utimes(file, 1_700_000_000, 1_700_000_000)
    const { mtimeNs, size, ino } = await stat(file, { bigint: true })
    return `${mtimeNs} ${size} ${ino}`
  }
  const before = await look()
  await keep()
  t.equal((await found()).warm, true)
  await writeFile(file, config('t8'))
  t.equal(await look(), before, 'looks the same')
  t.same(await found(), { alias: 't8', warm: false }, 'the text is compared')
  await keep()
  t.same(await found(), { alias: 't8', warm: true })
  await utimes(file, 1_700_000_000, 1_600_000_000)
  t.same(await found(), { alias: 't8', warm: false }, 'the file is another one')
})

t.test('another version, or a server that shall not, reads the config itself', async t => {
  const { state, started, keep, found } = await place(t)
  await keep()
  t.equal((await found(started('1.0.1'))).warm, false)
  t.equal((await found(started('1.0.0', false))).warm, false)
  await keep(started('1.0.1'))
  t.equal((await found(started('1.0.1'))).warm, true, 'the newer one has written its own')
  await rm(state, { recursive: true })
  const silent = started('1.0.0', false)
  t.equal((await found(silent)).warm, false)
  await silent.keep(state)
  await t.rejects(stat(state), { code: 'ENOENT' })
})

t.test('a damaged snapshot is told, not used, and written anew', async t => {
  const { folder, started, keep, found } = await place(t)
  for (const damage of [
    (path: string) => truncate(path, 0),
    (path: string) => truncate(path, 100),
    async (path: string) => truncate(path, (await stat(path)).size - 1),
    (path: string) => writeFile(path, 'garbage'),
    async (path: string) => writeFile(path, `${await readFile(path, 'utf8')}x`),
    async (path: string) => writeFile(path, (await readFile(path, 'utf8')).replace('"t7"', '"xx"')),
  ]) {
    const snapshot = await keep()
    await damage(snapshot)
    const next = started()
    t.same(await found(next), { alias: 't7', warm: false })
    t.match(next.takeNotes(), [/snapshot .* is damaged; the config was read anew/])
    t.same(next.takeNotes(), [], 'once')
    await next.keep(folder)
    t.same(await found(), { alias: 't7', warm: true })
  }
  const snapshot = await keep()
  await rm(snapshot)
  await mkdir(snapshot)
  const next = started()
  t.same(await found(next), { alias: 't7', warm: false })
  t.match(next.takeNotes(), [/cannot read .*EISDIR/])
})

t.test('a snapshot may be deleted at any time, also below a running server', async t => {
  const { folder, file, state, started, keep } = await place(t)
  await keep()
  const running = started()
  const [genome] = (await running.read(file)).genomes
  await rm(state, { recursive: true })
  t.equal(genome?.assets.get('fasta')?.tags.get('default')?.archived, true, 'assets are read now')
  await running.keep(folder)
  await t.rejects(stat(state), { code: 'ENOENT' }, 'what was read stays read')
  await writeFile(file, config('t8'))
  await running.read(file)
  await running.keep(folder)
  t.equal((await readdir(state)).length, 1)
})

t.test('two servers may write it at once', async t => {
  const { state, started, keep, found } = await place(t)
  await Promise.all(Array.from({ length: 8 }, () => keep(started())))
  t.equal((await readdir(state)).length, 1)
  t.same(await found(), { alias: 't7', warm: true })
})

t.test('without a folder of its own it lies with the archives, and nowhere else', async t => {
  const { folder, file } = await place(t)
  const reader = () => new ConfigReader({ version: '1.0.0', keeps: true })
  const [first, second] = [reader(), reader()]
  await first.read(file)
  await first.keep(join(folder, 'archives'))
  t.same(await readdir(folder), ['c.yaml'], 'not into the folder of somebody else')
  await first.keep(relative(process.cwd(), folder))
  t.match(await readdir(join(folder, '.refdepot')), [/^config-[0-9a-f]{16}\.snapshot$/])
  t.ok((await second.read(file)).genomes[0] instanceof StoredGenome)
  const nowhere = new ConfigReader({ version: '1.0.0', keeps: true, folder: file })
  await nowhere.read(file)
  await t.rejects(nowhere.keep(folder), 'where no folder can be made')
})

t.test('the same text is read once; a broken one, or none, is told as ever', async t => {
  const { folder, file, started } = await place(t)
  const reader = started()
  const first = await reader.read(file)
  t.equal(await reader.read(file), first)
  await writeFile(file, 'genomes: [')
  await t.rejects(reader.read(file), {
    code: 'config-invalid',
    message: /c\.yaml:\d+: is not YAML/,
  })
  await t.rejects(reader.read(join(folder, 'none.yaml')), {
    code: 'config-unreadable',
    message: /there is no such file/,
  })
})

t.test('a policy counts as it is now, however the config was read', async t => {
  const { folder, file, started, keep } = await place(t)
  await keep()
  const policy = join(folder, 'policy.yaml')
  const controlled = async (text: string) => {
    await writeFile(policy, text)
    const reader = started()
    const depot = await Depot.open({
      config: file,
      policy,
      readConfig: path => reader.read(path),
    })
    t.ok(depot.current.source.genomes[0] instanceof StoredGenome)
    await depot.close()
    return depot.current.access.size
  }
  t.equal(await controlled('default: open\n'), 0)
  t.equal(await controlled('default: controlled\n'), 1)
})
