// What numbers depend on besides the code.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

const firstLine = text => text.trim().split('\n')[0]

/** Processor, memory, and the versions of what takes part. */
export function describeMachine() {
  // nginx and wrk tell their versions on either stream, wrk with a status of 1.
  const versionOf = (program, arg) => {
    const { stdout, stderr } = spawnSync(program, [arg], { encoding: 'utf8' })
    return firstLine(`${stdout}${stderr}`)
  }
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    nginx: versionOf('nginx', '-v').replace(/^nginx version: /, ''),
    wrk: versionOf('wrk', '-v').replace(/ \[.*/, ''),
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim(),
    lock: createHash('sha256').update(readFileSync('package-lock.json')).digest('hex'),
  }
}

/** Processes that wanted a core, on the average of the last minute. */
export const loadNow = () => Math.round(loadavg()[0] * 100) / 100
