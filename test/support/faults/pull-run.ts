/** Plays a trial with `refdepot pull` as it is built, before a real server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { EXIT } from '../../../src/cli/exit-codes.ts'
import { annotation, plainFasta } from '../content-shapes.ts'
import { archive, create } from '../create-archives.ts'
import { genomeFolder } from '../genome-folder.ts'
import { startOurs } from '../peers/servers.ts'
import { digestOf, fastNoise } from '../remote-files.ts'
import { treeOf } from '../tree-of.ts'
import type { Trial } from './download-trial.ts'
import { FaultProxy } from './fault-proxy.ts'

/** What is pulled: `t7/fasta:default`. */
export interface PullSubject {
  /** Address of the real server. */
  readonly origin: string
  /** Bytes of the archive, and their digest. */
  readonly size: number
  readonly sha256: string
  readonly tree: Readonly<Record<string, string>>
  /** Paths of archives: what a client must not trust. */
  readonly files: RegExp
}

/** What a trial has shown. */
export interface ShownPull {
  readonly args: readonly string[]
  /** Empty: all is as it must be. */
  readonly wrongs: readonly string[]
  readonly code: number
  readonly faults: number
  readonly killed: number
}

const FILES = {
  'a.fa': plainFasta(500_000, 7),
  'a.gtf': annotation(2000),
  'big.bin': fastNoise(9_000_000, 3),
  'ünï cödé 中.txt': 'unicode',
  'link.fa': { link: 'a.fa' },
}
const RETRIES = 5
const BEARABLE = 3
// Seconds: the least that the command takes.
const TIMEOUT = 1
const HOLD_MS = 2500
const CODES: readonly number[] = [EXIT.failed, EXIT.notFound, EXIT.denied, EXIT.digestMismatch]

/** Makes the asset and starts the real server. */
export async function pullSubject(t: Test): Promise<PullSubject> {
  const made = await genomeFolder(t, { 'fasta:default': { files: FILES } })
  await create(made)
  const content = await readFile(archive(made))
  return {
    origin: await startOurs(t, ['-c', made.serverConfig]),
    size: content.length,
    sha256: digestOf('sha256', content),
    tree: await treeOf(made.tagFolder('fasta')),
    files: /^\/archives\/[0-9a-f]{32}(\?.*)?$/,
  }
}

/** Plays it: the first server is the one whose word counts, the second a mirror. */
export async function playPull(
  trial: Trial,
  subject: PullSubject,
  folder: string,
): Promise<ShownPull> {
  const { origin, files } = subject
  const proxies = trial.servers.map((server, i) => {
    const most = Math.min(server.most, server.manner === 'gentle' ? BEARABLE : server.most)
    const seed = trial.seed * 2 + i
    return new FaultProxy({ ...server, most, origin, files, seed, holdMs: HOLD_MS })
  })
  await Promise.all(proxies.map(proxy => proxy.listen()))
  const args = argsOf(trial, folder)
  const from = proxies.flatMap(({ url }, i) => [i === 0 ? '--server' : '--mirror', url])
  let [code, killed]: [number | null, number] = [null, 0]
  for (const kill of [...trial.kills, Number.POSITIVE_INFINITY]) {
    const before = sentOf(proxies)
    code = await pulled([...args, ...from], () => sentOf(proxies) - before > kill * subject.size)
    if (code !== null) break
    killed += 1
  }
  await Promise.all(proxies.map(proxy => proxy.close()))
  const fired = proxies.flatMap(proxy => [...proxy.fired])
  const faults = fired.reduce((sum, [, times]) => sum + times, 0)
  const wrongs = await wrongsOf(trial, subject, folder, code ?? -1)
  if (code !== EXIT.ok) {
    if (mustSucceed(trial, new Set(fired.map(([kind]) => kind)))) wrongs.push('it had to succeed')
    // What a failed run left must not be in the way of a good one.
    const again = await pulled([...args, '--server', origin], () => false)
    wrongs.push(...(await wrongsOf(trial, subject, folder, again ?? -1)))
    if (again !== EXIT.ok) wrongs.push(`a sound server afterwards: ${again}`)
  }
  return { args, wrongs, code: code ?? -1, faults, killed }
}

const sentOf = (proxies: readonly FaultProxy[]) => proxies.reduce((sum, { sent }) => sum + sent, 0)

const isArchive = ({ seed }: Trial) => seed % 3 === 0

function argsOf(trial: Trial, folder: string): string[] {
  const { race, jobs, seed } = trial
  return [
    ...['pull', 't7/fasta', '-o', folder, '--layout', seed % 2 === 0 ? 'flat' : 'digest'],
    ...['--jobs', String(jobs), '--retries', String(RETRIES), '--timeout', String(TIMEOUT)],
    ...(race ? ['--race'] : []),
    ...(isArchive(trial) ? ['--archive'] : []),
    '--quiet',
  ]
}

/** Runs a command; kills it when something is true. Answers its exit code, null when it was killed. */
async function pulled(args: readonly string[], isEnough: () => boolean): Promise<number | null> {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], { stdio: 'ignore' })
  const look = setInterval(() => isEnough() && child.kill('SIGKILL'), 2)
  const [code] = await once(child, 'exit')
  clearInterval(look)
  return code
}

function mustSucceed({ servers }: Trial, kinds: ReadonlySet<string>): boolean {
  return servers.every(({ manner }) => ['gentle', 'sound'].includes(manner)) && !kinds.has('404')
}

/** A success has all of it, a failure nothing under its name, and says so with the right code. */
async function wrongsOf(trial: Trial, subject: PullSubject, folder: string, code: number) {
  const names = await readdir(folder).catch(() => [])
  const tops = names.filter(name => name !== '.refdepot')
  if (code !== EXIT.ok) {
    const wrongs = CODES.includes(code) ? [] : [`exit code ${code}`]
    const place = trial.seed % 2 === 0 ? join('t7', 'fasta') : (tops[0] ?? 'nothing')
    const isThere = await stat(join(folder, isArchive(trial) ? `${place}.tgz` : place)).catch(
      () => undefined,
    )
    return isThere === undefined ? wrongs : [...wrongs, `it failed, and ${place} is there`]
  }
  const staged = await readdir(join(folder, '.refdepot/staging'))
  const wrongs = staged.length === 0 ? [] : [`a success leaves ${staged}`]
  const place = join(folder, trial.seed % 2 === 0 ? 't7/fasta' : (tops[0] ?? ''))
  const isRight = isArchive(trial)
    ? digestOf('sha256', await readFile(place.replace(/(\.tgz)?$/, '.tgz'))) === subject.sha256
    : JSON.stringify(await treeOf(place)) === JSON.stringify(subject.tree)
  return isRight ? wrongs : [...wrongs, 'a success with other bytes']
}
