// Runs all benchmarks: a missed target of one does not hide the others. Ends with 1 when one of them does.
import { spawnSync } from 'node:child_process'

const BENCHMARKS = ['serve', 'archive', 'store', 'pull']

for (const name of BENCHMARKS) {
  process.stdout.write(`\n== ${name}\n`)
  const { status } = spawnSync(process.execPath, [`bench/${name}.mjs`], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
