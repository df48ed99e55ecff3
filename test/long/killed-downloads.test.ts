/** Downloads that are killed: what is done stays done, what was there before stays until the new file is complete, and nothing on disk is a secret. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { randomNumbers } from '../support/content-shapes.ts'
import { FaultProxy } from '../support/faults/fault-proxy.ts'
import { largeArchive } from '../support/faults/large-file.ts'
import { SIGNATURE } from '../support/faults/signed-links.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

// The full counts; without REFDEPOT_TEST_FULL a tenth of the kills in an eighth of the file.
const ALL_KILLS = 50
const ALL_BYTES = 1024 ** 3
const IS_FULL = process.env.REFDEPOT_TEST_FULL === '1'
const KILLS = IS_FULL ? ALL_KILLS : ALL_KILLS / 10
const BYTES = IS_FULL ? ALL_BYTES : ALL_BYTES / 8
const JOBS = 8
const PART = 4 * 1024 * 1024
const LATEST_MS = 20
const SEED = 1
const TOKEN = 'token-that-is-a-secret'
const OLD = 'what was there before'
// Long enough not to be in the noise of the file itself by chance.
const SECRETS = [TOKEN, SIGNATURE, '127.0.0.1', 'http://', 'https://']

const BUILT = pathToFileURL(resolve('dist/transfer')).href
// The engine as it is built; the order comes by stdin, how much is in place goes to stdout.
const PROGRAM = `
import { text } from 'node:stream/consumers'
import { Credentials } from '${BUILT}/credentials.js'
import { downloadFile } from '${BUILT}/download-file.js'
import { Network } from '${BUILT}/network.js'
const { file, target, jobs, server, token } = JSON.parse(await text(process.stdin))
const network = new Network({ credentials: new Credentials({ [server]: token }) })
let there = 0
const onEvent = ({ event, bytes }) => {
  if (event !== 'verified' && event !== 'resumed') return
  there += bytes
  process.stdout.write(there + '\\n')
}
await downloadFile(file, target, { network, jobs, onEvent })
await network.close()
`

/** Starts a run; kills it a moment after so much is in place, and calls back in that moment. Answers its exit code, null when it was killed. */
async function begun(
  program: string,
  order: object,
  until: number,
  delayMs: number,
  onKill = () => {},
): Promise<number | null> {
  const child: ChildProcess = spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin?.end(JSON.stringify(order))
  let last = ''
  child.stdout?.on('data', async chunk => {
    last = String(chunk).trim().split('\n').at(-1) ?? last
    if (Number(last) < until) return
    await wait(delayMs)
    if (child.killed) return
    child.kill('SIGSTOP')
    onKill()
    child.kill('SIGKILL')
  })
  const [code] = await once(child, 'exit')
  return code
}

t.test(`${KILLS} of ${ALL_KILLS} kills of a download of ${BYTES} bytes (seed ${SEED})`, async t => {
  const folder = folderRemovedLast(t)
  const archive = await largeArchive(join(folder, 'archives'), BYTES)
  const origin = await startOurs(t, ['-c', archive.config])
  // Behind redirects to signed addresses, as at a store: these are rights, too.
  const proxy = await FaultProxy.start(t, { origin, seed: SEED, chance: 0, redirects: true })
  const { size, md5, sha256, parts } = archive
  const urls = [`${proxy.url}/t7/assets/big/archive`]
  const file = { subject: 't7/big:default', size, digests: { md5, sha256 }, parts, urls }
  const target = join(folder, 'down', 'big.tgz')
  await mkdir(join(folder, 'down'))
  await writeFile(target, OLD)
  const program = join(folder, 'download.mjs')
  await writeFile(program, PROGRAM)
  const order = { file, target, jobs: JOBS, server: proxy.url, token: TOKEN }
  const random = randomNumbers(SEED)
  let killed = 0
  // What was still on its way to a run that was killed it has not asked for twice.
  let read = 0
  proxy.withholdsEnd = true
  for (let i = 1; i <= KILLS; i += 1) {
    const before = proxy.sent
    const onKill = () => {
      read += proxy.read - before
    }
    const code = await begun(program, order, (i / (KILLS + 1)) * size, random(LATEST_MS), onKill)
    if (code === null) killed += 1
    else t.equal(code, 0)
    const there = await readFile(target, 'utf8')
    if (code === null) t.equal(there, OLD, `${i}: what was there before is there`)
    const secrets = ['-rlaF', ...SECRETS.flatMap(word => ['-e', word])]
    const found = await run('grep', [...secrets, join(folder, 'down')])
    t.equal(found.stdout, '', `${i}: no address and no secret is on disk`)
  }
  t.equal(killed, KILLS, 'all were killed in the middle')
  proxy.withholdsEnd = false
  const before = proxy.sent
  t.equal(await begun(program, order, Number.POSITIVE_INFINITY, 0), 0)
  t.equal((await fileDigests(target)).sha256, sha256)
  t.same(await readdir(join(folder, 'down')), ['big.tgz'], 'nothing else is left')
  const allowed = size + killed * JOBS * PART
  read += proxy.sent - before
  const lost = ((read - size) / killed / 1024 ** 2).toFixed(1)
  t.comment(`${killed} kills, ${read} bytes for ${size}: ${lost} MiB a kill were read twice`)
  t.ok(read <= allowed, `${read} bytes were read, ${allowed} are allowed`)
  t.ok(
    proxy.seen.some(({ linked }) => linked),
    'signed addresses were used',
  )
  t.ok(
    proxy.seen.every(({ linked, authorized }) => linked !== authorized),
    'the token went to the server, and not to the store',
  )
})
