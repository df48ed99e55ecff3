import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { ended } from '../support/peers/ended-child.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const ARCHIVE_BYTES = 2 * 1024 ** 3
const SLOW_CLIENTS = 200
const ALLOWED_GROWTH_MB = 30
const SLOW_ROUNDS = 10
const WARM_MS = 7000
const BACK_MS = 30_000

const ask = (url: string) =>
  new Promise<IncomingMessage>((done, failed) =>
    get(url, { agent: false }, done).on('error', failed),
  )

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

async function openArchives(pid: number): Promise<number> {
  const fds = await readdir(`/proc/${pid}/fd`)
  const names = await Promise.all(fds.map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  return names.filter(name => name.endsWith('.tgz')).length
}

/** Every client reads a little, waits, and in the end goes away in the middle. */
async function slowClients(url: string, count: number): Promise<void> {
  const responses = await Promise.all(Array.from({ length: count }, () => ask(url)))
  for (let round = 0; round < SLOW_ROUNDS; round += 1) {
    for (const response of responses) response.read(16 * 1024)
    await wait(50)
  }
  for (const response of responses) response.destroy()
}

t.test('memory stays flat at 2 GiB and 200 slow clients, and no descriptor is left', async t => {
  const folder = folderRemovedLast(t)
  await mkdir(join(folder, T7))
  const file = await open(join(folder, T7, 'big__default.tgz'), 'w')
  await file.truncate(ARCHIVE_BYTES)
  await file.close()
  // The true md5: the background check must find the archive sound while it is downloaded.
  const { md5 } = await fileDigests(join(folder, T7, 'big__default.tgz'))
  const tag = `{archive_digest: ${md5}, archive_size: 2.00 GB}`
  const config = join(folder, 'genome_config.yaml')
  await writeFile(
    config,
    `genomes:\n  ${T7}:\n    aliases: [t7]\n    assets:\n      big:\n        tags:\n          default: ${tag}\n`,
  )
  const args = ['dist/cli/main.js', 'serve', '-c', config, '-p', '0', '--host', '127.0.0.1']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => ended(child, 'SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  child.stdout.resume()
  const server = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0]
  const url = `${server}/t7/assets/big/archive`
  const pid = child.pid as number

  // Warm: the first clients make the runtime take what it needs once.
  for await (const _ of await ask(url));
  await slowClients(url, SLOW_CLIENTS)
  // The first count is written a few seconds after the first download: it loads the database, once.
  await wait(WARM_MS)
  const checking = async () => {
    const ready = await (await fetch(`${server}/readyz`)).json()
    return (ready as { check: { state: string } }).check.state !== 'done'
  }
  // The thread that hashes has memory of its own, which is not what is measured here.
  while (await checking()) await wait(200)
  const before = await residentMegabytes(pid)

  let received = 0
  for await (const chunk of await ask(url)) received += chunk.length
  t.equal(received, ARCHIVE_BYTES)
  await slowClients(url, SLOW_CLIENTS)
  for (let i = 0; i < 100 && (await openArchives(pid)) > 1; i += 1) await wait(100)
  // One may be open: the background check reads the archive.
  t.ok((await openArchives(pid)) <= 1, 'no descriptor is left')
  // What is only not given back yet is given back in time; what is leaked stays.
  let after = await residentMegabytes(pid)
  for (const end = Date.now() + BACK_MS; after - before > ALLOWED_GROWTH_MB; ) {
    if (Date.now() > end) break
    await wait(500)
    after = await residentMegabytes(pid)
  }
  t.comment(`resident before ${before.toFixed(1)} MB, after ${after.toFixed(1)} MB`)
  t.ok(after - before <= ALLOWED_GROWTH_MB, `grew by ${(after - before).toFixed(1)} MB`)
})
