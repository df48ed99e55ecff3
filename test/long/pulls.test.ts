/** `refdepot pull` as a process: among faults, killed, and two hundred at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { trialOf } from '../support/faults/download-trial.ts'
import { FaultProxy } from '../support/faults/fault-proxy.ts'
import { playPull, pullSubject } from '../support/faults/pull-run.ts'
import { treeOf } from '../support/tree-of.ts'

// The full counts; without REFDEPOT_TEST_FULL a tenth of them.
const ALL_PULLS = 50
const ALL_PROCESSES = 200
const SHARE = process.env.REFDEPOT_TEST_FULL === '1' ? 1 : 10
const PULLS = ALL_PULLS / SHARE
const PROCESSES = ALL_PROCESSES / SHARE
const FIRST_SEED = Number(process.env.REFDEPOT_TEST_SEED ?? 1)
const AT_ONCE = 2

const newFolder = async (t: Test) => {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-pulls-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

t.test(`${PULLS} of ${ALL_PULLS} pulls among faults (seeds from ${FIRST_SEED})`, async t => {
  const subject = await pullSubject(t)
  const folder = await newFolder(t)
  const left = Array.from({ length: PULLS }, (_, i) => trialOf(FIRST_SEED + i))
  let faults = 0
  let killed = 0
  const codes: number[] = []
  const play = async () => {
    for (let trial = left.shift(); trial !== undefined; trial = left.shift()) {
      const shown = await playPull(trial, subject, join(folder, String(trial.seed)))
      t.same(shown.wrongs, [], `${trial.seed}: ${shown.args.join(' ')} ends with ${shown.code}`)
      codes.push(shown.code)
      faults += shown.faults
      killed += shown.killed
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, play))
  t.comment(`${faults} faults were felt; ${killed} processes were killed; exit codes ${codes}`)
  t.ok(faults > PULLS && killed > 0)
})

t.test(`${PROCESSES} of ${ALL_PROCESSES} processes pull one asset: one download`, async t => {
  const subject = await pullSubject(t)
  const { origin } = subject
  const proxy = await FaultProxy.start(t, { origin, seed: 1, chance: 0 })
  const out = join(await newFolder(t), 'refs')
  const args = ['pull', 't7/fasta', '--server', proxy.url, '-o', out, '--layout', 'refgenie']
  const ended = Array.from({ length: PROCESSES }, async () => {
    const child = spawn(process.execPath, ['dist/cli/main.js', ...args, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let told = ''
    child.stdout.on('data', chunk => {
      told += chunk
    })
    const [code] = await once(child, 'close')
    return { code, told }
  })
  const results = await Promise.all(ended)
  t.same(
    results.filter(({ code }) => code !== 0),
    [],
    'all end with 0',
  )
  const bytes = proxy.seen
    .filter(({ path }) => subject.files.test(path))
    .reduce((sum, { sent }) => sum + sent, 0)
  t.equal(bytes, subject.size, 'the archive was sent once')
  const [genome = ''] = (await readdir(join(out, 'data'))).filter(name => !name.startsWith('.'))
  t.strictSame(await treeOf(join(out, 'data', genome, 'fasta/default')), subject.tree)
  t.same(await readdir(join(out, 'data/.refdepot/staging')), [], 'nothing half-made is left')
})
