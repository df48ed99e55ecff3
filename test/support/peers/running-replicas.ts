/** Two replicas that serve a first generation behind nginx, and a second one that may be published. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openTarget } from '../../../src/archive/archive-target.ts'
import { createArchives } from '../../../src/archive/create-archives.ts'
import { noise } from '../content-shapes.ts'
import { T7 } from '../genome-fixtures.ts'
import { type GenomeFolder, genomeFolderIn, USUAL } from '../genome-folder.ts'
import { folderRemovedLast } from '../test-folder.ts'
import type { Replica } from './replica.ts'
import { replicated } from './replicated.ts'

/** An asset that is controlled, in both generations. */
export const CONTROLLED = 'panel'
/** Assets that only the second generation has: an answer names all of them or none. */
export const LATE = ['late_one', 'late_two', 'late_three']

/** The parts, running. */
export type RunningReplicas = Awaited<ReturnType<typeof runningReplicas>>

/** What the first generation holds, and what the second one adds and replaces. */
export async function twoGenerations(t: Test, bytes: number) {
  const top = folderRemovedLast(t, { first: {}, second: {} })
  const panel = { files: { 'panel.bed': 'chr1\t10\t20\tsecret-region\n' } }
  const first = await genomeFolderIn(join(top, 'first'), {
    ...USUAL,
    'big:default': { files: { 'big.bin': noise(bytes) } },
    [`${CONTROLLED}:default`]: panel,
  })
  await first.rewrite(raw => {
    Object.assign(raw.genomes?.[T7]?.assets?.[CONTROLLED] ?? {}, { access: 'controlled' })
  })
  const late = LATE.map(name => [`${name}:default`, { files: { [name]: name } }] as const)
  const second = await genomeFolderIn(join(top, 'second'), {
    // Another default tag: what is published under a tag stays.
    'bwa_index:v2': { files: { 'x.bwt': noise(200_000, 9) } },
    ...Object.fromEntries(late),
  })
  for (const { config } of [first, second]) {
    await createArchives(await openTarget(config), { registryPaths: [], jobs: 1 })
  }
  return { first, second }
}

/** An archive of one of the folders. */
export const archiveIn = ({ archiveFolder }: GenomeFolder, asset: string, tag = 'default') =>
  readFile(join(archiveFolder, T7, `${asset}__${tag}.tgz`))

/** Two replicas that serve the first generation, behind nginx. */
export async function runningReplicas(t: Test, bytes: number) {
  const generations = await twoGenerations(t, bytes)
  const parts = await replicated(t)
  const pushed = await parts.publish('push', '-c', generations.first.config)
  t.equal(pushed.code, 0, 'pushed')
  const [one, two] = parts.replicas as [Replica, Replica]
  // At once: both find a database without tables.
  await Promise.all([one.start(), two.start()])
  const made = await parts.asReplica('token', 'create', '--name', 'root', '--scope', 'admin')
  t.equal(made.code, 0, 'a token')
  const admin = { authorization: `Bearer ${made.stdout.trim()}` }
  return { ...parts, ...generations, one, two, admin, proxy: await parts.front() }
}

/** Bytes of an answer. */
export const body = async (url: string, headers = {}) =>
  Buffer.from(await (await fetch(url, { headers })).arrayBuffer())
/** Status of an answer. */
export const status = async (url: string, headers = {}) => {
  const answer = await fetch(url, { headers })
  await answer.arrayBuffer()
  return answer.status
}
