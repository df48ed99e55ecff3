/** Runs of the archiver that are killed at random moments: what is listed is sound, and the next run heals. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Depot } from '../../src/archive/depot.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { noise, randomNumbers } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'

// The full count; without REFDEPOT_TEST_FULL a tenth of it is run.
const ALL_KILLS = 200
const KILLS = process.env.REFDEPOT_TEST_FULL === '1' ? ALL_KILLS : ALL_KILLS / 10
const SEED = Number(process.env.REFDEPOT_TEST_SEED ?? Date.now() % 1_000_000)

t.test(`${KILLS} runs killed at random moments (seed ${SEED})`, async t => {
  const made = await genomeFolder(t, {
    'fasta:default': { files: { '{genome}.fa': '>a\nACGT\n', 'noise.bin': noise(3_000_000) } },
    'x:default': { files: { 'a.txt': 'x' } },
  })
  const command = ['dist/cli/main.js', 'archive', 'create', '--force', '-j', '1', '-c', made.config]
  const started = () => spawn(process.execPath, command, { stdio: 'ignore' })
  t.same(await once(started(), 'exit'), [0, null])
  // The first one has more to load and to make than those that follow.
  let began = performance.now()
  t.same(await once(started(), 'exit'), [0, null])
  let lasts = performance.now() - began
  const random = randomNumbers(SEED)
  let killed = 0
  for (let i = 0; i < KILLS; i += 1) {
    await writeFile(join(made.tagFolder('x'), 'a.txt'), `version ${i}`)
    began = performance.now()
    const child = started()
    const ended = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), random(Math.ceil(lasts * 1.1)))
    const [, signal] = await ended
    clearTimeout(timer)
    if (signal === 'SIGKILL') killed += 1
    // On a machine that has less or more to do by now.
    else lasts = performance.now() - began
    const depot = await Depot.open({ config: made.config })
    t.same(await depot.check(), [], `${i}: every listed archive is sound`)
    t.equal(depot.current.catalogue.archiveCount, 2, `${i}: old or new, nothing is lost`)
    await depot.close()
  }
  t.ok(killed > KILLS / 3, `${killed} of ${KILLS} were killed in time`)
  t.same(await once(started(), 'exit'), [0, null])
  const tag = (await readRawConfig(made.serverConfig)).genomes?.[T7]?.assets?.x?.tags?.default
  t.equal(
    tag?.archive_digest,
    (await fileDigests(join(made.archiveFolder, T7, 'x__default.tgz'))).md5,
  )
  t.same(
    await readdir(join(made.archiveFolder, '.refdepot')),
    [],
    'nothing is left of the killed runs',
  )
})
