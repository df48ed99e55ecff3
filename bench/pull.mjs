/**
 * The benchmark of downloads: `node bench/pull.mjs [SCENARIO…] [--runs N]`. As bench/serve.mjs: sides take turns, what arrives is compared, ratios of the
 * medians are kept in results.json, section `pull`. Ends with 1 when a target is missed.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeMachine } from './measure/machine.mjs'
import { writeResult } from './measure/results.mjs'
import { isGood, runScenario } from './measure/run-scenario.mjs'
import { MAIN, RESULTS, WORK } from './places.mjs'

const RUNS = 3
const SCENARIOS = ['loopback', 'far-server']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: String(RUNS) } },
})
const runs = Number(values.runs)
if (!Number.isInteger(runs) || runs < 1 || positionals.some(name => !SCENARIOS.includes(name))) {
  process.stderr.write(`usage: node bench/pull.mjs [${SCENARIOS.join('|')}…] [--runs N]\n`)
  process.exit(2)
}
if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`)
mkdirSync(WORK, { recursive: true })
for (const name of positionals.length > 0 ? positionals : SCENARIOS) {
  const { scenario } = await import(`./pulls/${name}.mjs`)
  const result = await runScenario(scenario, runs, text => process.stdout.write(text))
  writeResult(RESULTS, describeMachine(), name, result, 'pull')
  if (!isGood(result)) process.exitCode = 1
}
