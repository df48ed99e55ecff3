/** An archived genome folder beside a real bucket, with the commands that publish and serve it. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { openTarget } from '../../../src/archive/archive-target.ts'
import { createArchives } from '../../../src/archive/create-archives.ts'
import { noise } from '../content-shapes.ts'
import { genomeFolder, USUAL } from '../genome-folder.ts'
import { run } from './run.ts'
import { startOurs } from './servers.ts'
import { type S3Server, startS3 } from './versitygw.ts'

/** Path of the command line as it is built. */
export const PROGRAM = join(process.cwd(), 'dist/cli/main.js')

/** Archives a folder with three assets, one of 30 MB, and starts a store. */
export async function withBucket(t: Test) {
  const made = await genomeFolder(t, {
    ...USUAL,
    'big:default': { files: { 'big.bin': noise(30_000_000) } },
  })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 2 })
  const s3 = await startS3(t)
  const place = `s3://${s3.bucket}/refs`
  const command = (...args: string[]) => runWith(s3, ...args, '--store', place)
  const push = (...args: string[]) => command('push', '-c', made.config, ...args)
  const serve = (...args: string[]) => serveFrom(t, s3, place, args)
  return { made, s3, place, command, push, serve }
}

/** Runs a command with the credentials of a store. */
export function runWith(s3: S3Server, ...args: string[]) {
  return run(process.execPath, [PROGRAM, ...args], { env: { ...process.env, ...s3.env } })
}

/** Starts a server over a store; answers its URL. */
export async function serveFrom(
  t: Test,
  s3: S3Server,
  place: string,
  args: readonly string[] = [],
): Promise<string> {
  const before = { ...process.env }
  Object.assign(process.env, s3.env)
  try {
    return await startOurs(t, ['--store', place, '--watch-interval', '0.2', ...args])
  } finally {
    for (const name of Object.keys(s3.env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}
