/** A real S3 server over a folder of its own, for one test. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import { connectS3 } from '../../../src/storage/s3-client.ts'
import { freePort } from '../free-port.ts'
import { ended } from './ended-child.ts'

const PROGRAM = '.peers/versitygw/versitygw'
const KEY = 'AKTESTTEST'
const SECRET = 'sk-test-test-test'
const START_MS = 20_000

/** A running server with one bucket. */
export interface S3Server {
  readonly endpoint: string
  readonly bucket: string
  /** Folder in which the objects of the bucket lie as files. */
  readonly folder: string
  /** Environment of programs that are to use it. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/**
 * Starts a server.
 *
 * @param options - of the program, such as where its accounts are
 */
export async function startS3(t: Test, options: readonly string[] = []): Promise<S3Server> {
  const top = await mkdtemp(join(tmpdir(), 'refdepot-s3-'))
  const data = join(top, 'data')
  await mkdir(data)
  const port = await freePort()
  const child = spawn(PROGRAM, ['--port', `127.0.0.1:${port}`, '-q', ...options, 'posix', data], {
    env: { ...process.env, ROOT_ACCESS_KEY: KEY, ROOT_SECRET_KEY: SECRET },
    stdio: 'ignore',
  })
  const stop = () => ended(child, 'SIGKILL')
  t.teardown(async () => {
    await stop()
    await rm(top, { recursive: true, force: true })
  })
  const endpoint = `http://127.0.0.1:${port}`
  const env = s3Environment(endpoint)
  const client = connectS3(env)
  const bucket = 'refdepot-test'
  for (const until = Date.now() + START_MS; ; await wait(50)) {
    const made = await client.send(new CreateBucketCommand({ Bucket: bucket })).catch(error => {
      if (Date.now() > until) throw error
    })
    if (made !== undefined) break
  }
  client.destroy()
  return { endpoint, bucket, folder: join(data, bucket), env, stop }
}

/** What a program needs to reach a server of {@link startS3} at an address. */
export function s3Environment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
  }
}
