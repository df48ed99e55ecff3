/**
 * The benchmark of serving: `node bench/serve.mjs [SCENARIO…] [--runs N]`, `npm run bench` for it and the others.
 *
 * Finds its peers or installs them, lets the sides of each scenario take turns, prints ratios of the medians with their best and worst run beside
 * what is promised, and keeps everything in results.json, section `serving`. Ends with 1 when a target is missed, or when a scenario could not be
 * measured: a peer that did not start, an answer that was wrong. What the scenarios mean: docs/performance.md.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { describeMachine } from './measure/machine.mjs'
import { writeResult } from './measure/results.mjs'
import { isGood, runScenario } from './measure/run-scenario.mjs'
import { installPeers } from './peers/install.mjs'
import { MAIN, RESULTS, WORK } from './places.mjs'

const RUNS = 5
const CORES = 2

// In the order in which they run; each is a file of scenarios/.
const SCENARIOS = [
  'one-client',
  'many-clients',
  'hand-off',
  'small-archive',
  'attributes',
  'asset-list',
  'start-up',
  'growth',
  'member-ranges',
  'health-under-load',
]

function wanted() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: String(RUNS) } },
  })
  const runs = Number(values.runs)
  const unknown = positionals.filter(name => !SCENARIOS.includes(name))
  if (!Number.isInteger(runs) || runs < 1 || unknown.length > 0) {
    process.stderr.write(
      `usage: node bench/serve.mjs [SCENARIO…] [--runs N]\nscenarios: ${SCENARIOS.join(', ')}\n`,
    )
    process.exit(2)
  }
  return { runs, names: positionals.length > 0 ? positionals : SCENARIOS }
}

const { runs, names } = wanted()
if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`)
if (cpus().length < CORES) throw new Error(`servers and clients need ${CORES} cores`)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
mkdirSync(WORK, { recursive: true })
installPeers()
const machine = describeMachine()
const tell = text => process.stdout.write(text)
tell(`${machine.cpu}, ${machine.cores} cores; Node ${machine.node}, ${machine.nginx}\n`)
tell(`value (best … worst of ${runs} runs), target, medians\n`)
for (const name of names) {
  const { scenario } = await import(`./scenarios/${name}.mjs`)
  const result = await runScenario(scenario, runs, tell)
  writeResult(RESULTS, machine, name, result)
  if (!isGood(result)) process.exitCode = 1
}
