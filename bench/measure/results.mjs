// A section of results.json; the sections of other benchmarks stay, and so do scenarios that were not run.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Puts what a scenario has given into the file. */
export function writeResult(file, machine, name, result, section = 'serving') {
  const all = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const scenarios = { ...all[section]?.scenarios, [name]: result }
  const text = JSON.stringify({ ...all, [section]: { machine, scenarios } }, null, 2)
  writeFileSync(`${file}.part`, `${text}\n`)
  renameSync(`${file}.part`, file)
}
