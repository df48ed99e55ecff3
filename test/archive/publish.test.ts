import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Depot } from '../../src/archive/depot.ts'
import { finishPublishing, isUnfinished, publish } from '../../src/archive/publish.ts'
import { openRunFolder, removeDeadRuns } from '../../src/archive/run-folder.ts'
import { genomeFolder } from '../support/genome-folder.ts'

const NOBODY = 2 ** 22 + 1

t.test(
  'prepared files are moved and others removed; a begun publication can be ended by anybody',
  async t => {
    const folder = t.testdir({ run: { a: 'new a', b: 'new b' }, place: { a: 'old a', gone: '' } })
    const moves = [
      { from: join(folder, 'run/a'), to: join(folder, 'place/a') },
      { from: join(folder, 'run/b'), to: join(folder, 'made/deep/b') },
    ]
    await publish(folder, moves, [join(folder, 'place/gone'), join(folder, 'nowhere/x')])
    t.equal(await readFile(join(folder, 'place/a'), 'utf8'), 'new a')
    t.equal(await readFile(join(folder, 'made/deep/b'), 'utf8'), 'new b')
    t.same(await readdir(join(folder, 'place')), ['a'])
    t.notOk(await isUnfinished(folder))
    t.notOk(await finishPublishing(folder))
    // As a run leaves it that was killed after its first move.
    await writeFile(join(folder, 'run/b'), 'newer b')
    const journal = { format: 'refdepot-journal', version: 1, moves, removals: [] }
    await writeFile(join(folder, '.refdepot/journal.json'), JSON.stringify(journal))
    t.ok(await isUnfinished(folder))
    t.ok(await finishPublishing(folder))
    t.equal(await readFile(join(folder, 'made/deep/b'), 'utf8'), 'newer b')
    t.notOk(await isUnfinished(folder))
    // As a run leaves it that was killed while it wrote the journal: nothing was begun, and nothing of it stays.
    await writeFile(join(folder, '.refdepot/journal.json.part'), '{"format": "refd')
    t.notOk(await finishPublishing(folder))
    await writeFile(join(folder, 'run/b'), 'newest b')
    await publish(folder, moves)
    t.equal(await readFile(join(folder, 'made/deep/b'), 'utf8'), 'newest b')
    t.same(await readdir(join(folder, '.refdepot')), [])
    await writeFile(join(folder, 'run/b'), 'x')
    const blocked = { from: join(folder, 'run/b'), to: join(folder, 'place') }
    await t.rejects(publish(folder, [blocked]), { code: 'EISDIR' })
    await rm(join(folder, '.refdepot'), { recursive: true })
    await mkdir(join(folder, '.refdepot/journal.json/x'), { recursive: true })
    await t.rejects(publish(folder, moves), { code: 'storage-write-failed' })
    t.same(await readdir(join(folder, '.refdepot')), ['journal.json'], 'nothing half is left')
  },
)

t.test('a server ends a publication before it serves, or says that it cannot', async t => {
  const made = await genomeFolder(t)
  await mkdir(join(made.archiveFolder, '.refdepot'), { recursive: true })
  const journal = join(made.archiveFolder, '.refdepot/journal.json')
  await writeFile(join(made.archiveFolder, 'next.yaml'), 'genomes: {}\n')
  const moves = [{ from: join(made.archiveFolder, 'next.yaml'), to: made.serverConfig }]
  await writeFile(journal, JSON.stringify({ moves, removals: [] }))
  const depot = await Depot.open({ config: made.config })
  t.equal(await readFile(made.serverConfig, 'utf8'), 'genomes: {}\n')
  await depot.close()
  await writeFile(journal, 'broken')
  const other = await Depot.open({ config: made.config })
  t.match(other.current.notes.at(-1), /an archiver was killed while it published/)
  await other.close()
})

t.test('folders of dead runs go, those of living ones stay', async t => {
  const folder = t.testdir({})
  const mine = await openRunFolder(folder)
  const own = join(folder, '.refdepot')
  const here = encodeURIComponent(hostname())
  for (const name of [
    `run-${here}-${NOBODY}-abc`,
    'run-other.host-12-abc',
    'run-old.host-12-abc',
    'run-gone',
    `run-${here}-1-x`,
  ]) {
    await mkdir(join(own, name))
  }
  await utimes(join(own, 'run-old.host-12-abc'), 1, 1)
  await removeDeadRuns(folder)
  const left = [
    mine.split('/').at(-1) as string,
    'run-other.host-12-abc',
    'run-gone',
    `run-${here}-1-x`,
  ]
  t.same((await readdir(own)).sort(), left.sort())
  await removeDeadRuns(join(folder, 'nowhere'))
})
