/** A PostgreSQL cluster of its own for one test. */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../free-port.ts'
import { run } from './run.ts'

const USER = 'postgres'
const VERSIONS = '/usr/lib/postgresql'

/** A running cluster. */
export interface Postgres {
  /** Address of its database, without a password. */
  readonly url: string
  stop(): Promise<void>
  start(): Promise<void>
  /** Kills it as a crash would. */
  kill(): Promise<void>
}

/** Makes and starts a cluster; PostgreSQL refuses to run as root, so its own user does it. */
export async function startPostgres(t: Test): Promise<Postgres> {
  const [version = ''] = (await readdir(VERSIONS)).sort().reverse()
  const bin = join(VERSIONS, version, 'bin')
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-pg-'))
  await chmod(folder, 0o777)
  const data = join(folder, 'data')
  const port = await freePort()
  const as = async (...command: string[]) => {
    const ran = await run(
      'setpriv',
      ['--reuid', USER, '--regid', USER, '--clear-groups', '--', ...command],
      { cwd: folder },
    )
    if (ran.code !== 0) throw new Error(`${command.join(' ')}: ${ran.stdout}${ran.stderr}`)
  }
  await as(`${bin}/initdb`, '-D', data, '-A', 'trust', '-U', 'refdepot', '--no-sync')
  const control = (...args: string[]) =>
    as(`${bin}/pg_ctl`, '-D', data, '-w', '-l', `${folder}/log`, ...args)
  const start = () => control('-o', `-h 127.0.0.1 -p ${port} -k ${folder} -F`, 'start')
  const stop = () => control('-m', 'fast', 'stop')
  await start()
  t.teardown(async () => {
    await control('-m', 'immediate', 'stop').catch(() => {})
    await rm(folder, { recursive: true, force: true })
  })
  return {
    url: `postgres://refdepot@127.0.0.1:${port}/postgres`,
    start,
    stop,
    kill: () => control('-m', 'immediate', 'stop'),
  }
}
