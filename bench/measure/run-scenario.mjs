// Runs a scenario: prepares it, lets its sides take turns some times, judges what was measured, and lets go of its servers.
import { loadNow } from './machine.mjs'
import { judge, verdictLine } from './verdicts.mjs'

/** Sides in another order each round: nobody is always the first, or always behind the same. */
export const inTurn = (sides, round) => [
  ...sides.slice(round % sides.length),
  ...sides.slice(0, round % sides.length),
]

/**
 * @param scenario - `{ title, units, comparisons, prepare(servers), round(state, note, round) }`: `prepare` puts what it starts into `servers`, a list;
 * `comparisons` may depend on what `prepare` answers; `note(measure, side, value)` keeps a sample
 * @param tell - gets the lines to print
 * @returns `{ date, runs, load, verdicts, samples, notes }`, or with `failed` when something did not start or answered wrongly; never throws
 */
export async function runScenario(scenario, runs, tell) {
  const servers = []
  const [samples, load] = [{}, []]
  const note = (measure, side, value) => {
    samples[measure] ??= {}
    samples[measure][side] ??= []
    samples[measure][side].push(value)
  }
  const result = { date: new Date().toISOString(), runs, load, samples }
  tell(`\n${scenario.title}\n`)
  try {
    const state = await scenario.prepare(servers)
    for (let round = 0; round < runs; round += 1) {
      load.push(loadNow())
      await scenario.round(state, note, round)
    }
    const verdicts = scenario.comparisons.map(comparison => judge(comparison, samples))
    for (const verdict of verdicts)
      tell(`${verdictLine(verdict, samples, scenario.units[verdict.measure])}\n`)
    tell(`       load average before each run: ${load.join(' ')}\n`)
    for (const text of state.notes ?? []) tell(`       ${text}\n`)
    return { ...result, verdicts, ...(state.notes && { notes: state.notes }) }
  } catch (error) {
    tell(`FAILED ${error.message}\n`)
    return { ...result, failed: error.message }
  } finally {
    for (const server of servers) await server.stop()
  }
}

/** Whether a result lets the benchmark end with 0. */
export const isGood = ({ failed, verdicts = [] }) =>
  failed === undefined && verdicts.every(({ met }) => met !== false)
