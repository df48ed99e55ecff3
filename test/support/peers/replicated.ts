/**
 * What docker/compose.replicas.yaml describes, from real parts: an S3 store with its accounts, PostgreSQL, two replicas that share nothing,
 * nginx. Environment, secrets and rights are those of the deployed files; only addresses differ.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Test } from 'tap'
import { composeService } from './compose-file.ts'
import { frontProxy } from './front-proxy.ts'
import { startPostgres } from './postgres.ts'
import { replica } from './replica.ts'
import { type Ran, run } from './run.ts'
import { startS3 } from './versitygw.ts'

const PROGRAM = join(process.cwd(), 'dist/cli/main.js')

type Environment = Record<string, string>

/** Makes the parts; nothing is published, and no replica runs. */
export async function replicated(t: Test) {
  const secrets = await makeSecrets(t)
  const s3 = await startS3(t, ['--iam-dir', join(secrets, 'iam')])
  const postgres = await startPostgres(t)
  const service = await composeService('refdepot-1')
  const { environment = {} } = service
  const placed: Environment = {
    ...environment,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    REFDEPOT_STATE: postgres.url,
    REFDEPOT_TRUST_PROXY: '127.0.0.1',
    REFDEPOT_PUBLIC_URL: '',
  }
  const { REFDEPOT_PORT: _port, ...settings } = placed
  const secret = async (name: string) =>
    parseEnv(await readFile(join(secrets, `${name}.env`), 'utf8')) as Environment
  const reading = { ...settings, ...(await secret('store-read')), ...(await secret('database')) }
  const writing = { ...settings, ...(await secret('store-write')) }
  const prepared = await run(
    'node',
    ['docker/prepare-store.mjs', 'refdepot-read', 'refdepot-write'],
    {
      env: { ...process.env, ...settings, ...s3.env },
    },
  )
  if (prepared.code !== 0) throw new Error(prepared.stderr)
  const replicas = await Promise.all([replica(t, reading), replica(t, reading)])
  const command = (env: Environment, ...args: string[]): Promise<Ran> =>
    run(process.execPath, [PROGRAM, ...args], {
      env: { PATH: process.env.PATH ?? '', ...env },
      cwd: secrets,
    })
  return {
    s3,
    postgres,
    replicas,
    front: (change?: (config: string) => string) =>
      frontProxy(
        t,
        replicas.map(({ port }) => port),
        change,
      ),
    /** Runs a command with the rights of those who publish. */
    publish: (...args: string[]) => command(writing, ...args),
    /** Runs a command with what a replica has. */
    asReplica: (...args: string[]) => command(reading, ...args),
  }
}

async function makeSecrets(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-secrets-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const made = await run('bash', ['docker/make-secrets.sh', folder])
  if (made.code !== 0) throw new Error(made.stderr)
  await mkdir(join(folder, 'iam'))
  await copyFile(join(folder, 'store-users.json'), join(folder, 'iam/users.json'))
  return folder
}
