/** The download engine among faults: it ends with the right bytes, or says what was wrong, and never leaves a short or wrong file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { playTrial, type Shown } from '../support/faults/download-run.ts'
import { type Trial, trialOf } from '../support/faults/download-trial.ts'
import { FAULT_KINDS } from '../support/faults/fault-kinds.ts'
import { staticFiles } from '../support/faults/static-files.ts'
import { trialSubjects } from '../support/faults/trial-subjects.ts'

// The full count; without REFDEPOT_TEST_FULL a tenth of it is run.
const ALL_RUNS = 1000
const RUNS = process.env.REFDEPOT_TEST_FULL === '1' ? ALL_RUNS : ALL_RUNS / 10
// Some kinds are seldom felt, and when depends on how parallel requests meet: there are more runs until each was.
const MOST_RUNS = 10 * RUNS
// The same every time; another one, or a single one to look at, is named.
const FIRST_SEED = Number(process.env.REFDEPOT_TEST_SEED ?? 1)
const AT_ONCE = 4

t.test(`${RUNS} of ${ALL_RUNS} downloads among faults (seeds from ${FIRST_SEED})`, async t => {
  const subjects = await trialSubjects(t)
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-trials-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const place = { folder, origin: await staticFiles(t), subjects }
  const shown: Shown[] = []
  const count = (kind: (typeof FAULT_KINDS)[number]) =>
    shown.reduce((sum, { fired }) => sum + (fired.get(kind) ?? 0), 0)
  let begun = 0
  const isMissing = () => begun < MOST_RUNS && FAULT_KINDS.some(kind => count(kind) === 0)
  const play = async () => {
    while (begun < RUNS || isMissing()) {
      const trial = trialOf(FIRST_SEED + begun)
      begun += 1
      const result = await playTrial(trial, place)
      t.same(result.wrongs, [], nameOf(trial, result))
      shown.push(result)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, play))
  t.comment(`faults: ${FAULT_KINDS.map(kind => `${kind} ${count(kind)}`).join(', ')}`)
  const failed = shown.filter(({ error }) => error !== undefined).length
  const killed = shown.reduce((sum, result) => sum + result.killed, 0)
  t.comment(`${shown.length - failed} ended with the right bytes, ${failed} with an error`)
  t.comment(`${killed} runs were ended in the middle and gone on with`)
  for (const kind of FAULT_KINDS) t.ok(count(kind) > 0, `${kind} has fired ${count(kind)} times`)
  t.ok(failed > 0 && failed < shown.length / 2, 'most runs come to their end, and some cannot')
  t.ok(killed > shown.length / 10, `${killed} runs were killed`)
})

function nameOf({ seed, form, servers, partSize, size }: Trial, { error, fired }: Shown): string {
  const faults = [...fired].map(([kind, times]) => `${kind} ${times}`).join(', ') || 'no fault'
  const manners = servers.map(({ manner }) => manner).join(' and ')
  const end = error === undefined ? 'right bytes' : String(error)
  const what = form === 'file' ? `${size} bytes in parts of ${partSize ?? 'no known size'}` : form
  return `${seed}: ${what}, ${manners}: ${faults}: ${end}`
}
