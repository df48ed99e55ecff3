/** A server whose config is broken or gone serves what it served before, and nothing else in its place. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { stateOfFiles, watchState } from '../../src/archive/config-watch.ts'
import { Depot } from '../../src/archive/depot.ts'
import { controlledFolder } from '../support/controlled-folder.ts'

/** A build config beside an archive folder with the config that the archiver wrote, and an older copy of it without marks. */
async function withStrayCopy(t: Test) {
  const folder = await controlledFolder(t)
  const server = folder.config
  await rm(folder.without)
  const text = await readFile(server, 'utf8')
  await writeFile(join(folder.archiveFolder, 'zz_backup.yaml'), text)
  await writeFile(server, text.replaceAll(/^( +)aliases:/gm, '$1access: controlled\n$1aliases:'))
  const build = join(folder.archiveFolder, '..', 'build')
  await mkdir(build)
  const config = join(build, 'genome_config.yaml')
  await writeFile(
    config,
    text.replaceAll(/^ +(?:archive_digest|archive_size|legacy_archive_digest):.*\n/gm, ''),
  )
  return { ...folder, config, server, text }
}

t.test('a config that is broken or gone is not replaced by a stray copy', async t => {
  const { config, server, archiveFolder } = await withStrayCopy(t)
  const good = await readFile(server, 'utf8')
  const depot = await Depot.open({ config, archiveFolder })
  t.teardown(() => depot.close())
  t.equal(depot.current.configFile, server)
  const size = depot.current.access.size
  t.ok(size >= 6)
  for (const broken of ['\n : : [', 'genomes: [x]', undefined]) {
    if (broken === undefined) await rm(server)
    else await writeFile(server, good + broken)
    await t.rejects(depot.reload())
    t.ok(depot.reloadError)
    t.equal(depot.current.access.size, size)
    t.ok(depot.current.files.includes(server), 'it is still watched')
  }
  await writeFile(server, good)
  await depot.reload()
  t.equal(depot.reloadError, undefined)
  await writeFile(server, good.replaceAll(/^ +archive_(?:digest|size):.*\n/gm, ''))
  await depot.reload()
  t.equal(depot.current.configFile, server, 'also when nothing is archived in it any more')
  t.equal(depot.current.catalogue.archiveCount, 0)
})

t.test('a server does not begin with a stray copy in the place of a broken config', async t => {
  const { config, server, archiveFolder } = await withStrayCopy(t)
  await writeFile(server, ': [')
  await t.rejects(Depot.open({ config, archiveFolder }), { code: 'config-invalid' })
  await rm(server)
  const depot = await Depot.open({ config, archiveFolder })
  t.match(
    depot.current.configFile,
    /zz_backup/,
    'where there is none at all, what is there is served',
  )
  t.match(depot.current.notes.join(), /nothing archived in it; serving .*zz_backup/)
  await depot.close()
  await writeFile(join(archiveFolder, 'aa_other.yaml'), 'no: [config')
  await (await Depot.open({ config, archiveFolder })).close()
})

t.test('the reload that was asked for last counts', async t => {
  const folder = await controlledFolder(t)
  const { config, archiveFolder, policy } = folder
  const depot = await Depot.open({ config, archiveFolder, policy })
  t.teardown(() => depot.close())
  // The first reload hangs while it reads an open policy; the second one finds a strict one.
  await rm(policy)
  execFileSync('mkfifo', [policy])
  const first = depot.reload()
  const second = depot.reload()
  const pipe = createWriteStream(policy)
  // A pipe opens when somebody reads it: from now on the path belongs to the second one.
  await once(pipe, 'open')
  await writeFile(`${policy}.new`, 'default: controlled\n')
  await rename(`${policy}.new`, policy)
  pipe.end('default: open\n')
  t.notOk((await first).access.size > 4)
  await second
  t.ok(depot.current.access.size > 4)
})

t.test('a file that has changed since it was read is noticed at the first look', async t => {
  const file = join(t.testdir({ 'a.yaml': 'x' }), 'a.yaml')
  let noticed = false
  const stop = watchState(
    () => stateOfFiles([file]),
    () => {
      noticed = true
    },
    20,
    Date.now() - 60_000,
  )
  t.teardown(stop)
  const until = Date.now() + 20_000
  while (!noticed && Date.now() < until) await wait(10)
  t.ok(noticed)
})

t.test('times that are cut to seconds or ticks say nothing of what came within one', async t => {
  const SECOND = 1_700_000_000_000
  /** Whether something of a time counts as changed since it was read, when it stays as it is. */
  const isNoticed = async (newest: number, readSince: number) => {
    let looks = 0
    let changes = 0
    const state = async () => {
      looks += 1
      return { text: 'the same', newest }
    }
    const count = () => {
      changes += 1
    }
    const stop = watchState(state, count, 1, readSince)
    t.teardown(stop)
    while (looks < 5) await wait(1)
    stop()
    return changes === 1
  }
  t.ok(await isNoticed(SECOND, SECOND + 400), 'written in the second in which it was read')
  t.notOk(await isNoticed(SECOND, SECOND + 1000))
  t.notOk(await isNoticed(SECOND + 1, SECOND + 400), 'no whole second')
  t.ok(await isNoticed(SECOND + 396.5, SECOND + 400), 'the tick of a kernel')
})

t.test('a look that fails is no change', async t => {
  const looks = ['one', 'down', 'one', 'down', 'two', 'two']
  let changes = 0
  const stop = watchState(
    async () => {
      const text = looks.shift() ?? 'two'
      if (text === 'down') throw new Error('the store is down')
      return { text, newest: 0 }
    },
    () => {
      changes += 1
    },
    5,
  )
  t.teardown(stop)
  const until = Date.now() + 20_000
  while (changes === 0 && Date.now() < until) await wait(5)
  await wait(50)
  t.equal(changes, 1)
  t.same(looks, [], 'all of them were seen')
})
