// Finds the peers, or installs them: nginx, wrk and curl from Debian, refgenieserver from PyPI. Fastify and @fastify/static are among our own packages.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { PYTHON } from './refgenieserver.mjs'

// Program → Debian package.
const DEBIAN = { nginx: 'nginx-light', wrk: 'wrk', taskset: 'util-linux' }

/** Whether a program is there. */
const isThere = program => spawnSync(program, ['-v']).error?.code !== 'ENOENT'

/** Installs what is missing; needs root only then. */
export function installPeers() {
  const missing = Object.entries(DEBIAN).filter(([program]) => !isThere(program))
  if (missing.length > 0) {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
    const packages = missing.map(([, name]) => name)
    execFileSync('apt-get', ['install', '-y', '-qq', ...packages], { stdio: 'inherit' })
  }
  if (!existsSync(PYTHON)) {
    const folder = dirname(dirname(dirname(PYTHON)))
    execFileSync('bash', ['scripts/peers/make-genomes.sh', folder], { stdio: 'inherit' })
  }
}
