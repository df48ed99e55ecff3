/** `refdepot mirror` of the living refgenieserver and of a refdepot: served, it answers as the origin does; a second run fetches nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { ask } from '../support/peers/answer.ts'
import { EXPLANATIONS } from '../support/peers/explained-differences.ts'
import { peerRequests } from '../support/peers/requests.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, startOurs, startPeer } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const ARCHIVES = `${BUILT}/archives`
const MINIMUM_COMPARISONS = 300
const ASSETS = 12
// Archives that a run of `mirror` fetches at a time.
const AT_ONCE = 3

/** What one run was given. */
interface Counts {
  /** Bytes of archives. */
  archives: number
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** Passes everything on, and counts bytes of archives. */
async function counting(t: Test, origin: string) {
  let current: Counts = { archives: 0 }
  const server = createServer((asked, reply) => {
    // Of the run that asks: what still comes for one that was killed is not the next one's.
    const counts = current
    const { url = '', method = 'GET', headers } = asked
    const passed = request(origin + url, { method, headers, agent: false }, answer => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk: Buffer) => {
        // Not of indexes and parts, which are below an archive.
        if (/\/archive(?:\?|\/)|\/archives\/[0-9a-f]+$/.test(url)) {
          counts.archives += chunk.length
          counts.onBytes?.(counts.archives)
        }
      })
      answer.pipe(reply)
    })
    passed.on('error', () => reply.destroy())
    reply.on('close', () => passed.destroy())
    asked.pipe(passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Counts anew, for one more run. */
    counted: (onBytes?: (bytes: number) => void): Counts => {
      current = { archives: 0, onBytes }
      return current
    },
  }
}

async function mirror(url: string, folder: string) {
  const command = ['dist/cli/main.js', 'mirror', '--from', url, '-o', folder, '--json']
  const ran = await run(process.execPath, command)
  const lines = ran.stdout.trim().split('\n')
  return { ...ran, summary: JSON.parse(lines.at(-1) ?? '{}') }
}

t.test('a mirror of refgenieserver, served, answers as refgenieserver', async t => {
  const peer = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const between = await counting(t, peer)
  const folder = join(folderRemovedLast(t), 'mirror')
  const fetched = between.counted()
  const first = await mirror(between.url, folder)
  t.equal(first.code, 0, first.stderr)
  t.ok(fetched.archives > 100_000, `${fetched.archives} bytes of archives`)
  t.ok(first.summary.fetched > 3)
  const ours = await startOurs(t, ['-c', join(folder, 'genome_config.yaml')])
  let compared = 0
  for (const request of peerRequests()) {
    const [theirs, mine] = await Promise.all([ask(peer, request), ask(ours, request)])
    compared += 1
    if (JSON.stringify(theirs) === JSON.stringify(mine)) continue
    if (EXPLANATIONS.some(it => it.matches(request, theirs, mine))) continue
    t.fail(JSON.stringify({ request, theirs, mine }))
  }
  t.ok(compared >= MINIMUM_COMPARISONS, `${compared} comparisons`)
  const fetchedAgain = between.counted()
  const second = await mirror(between.url, folder)
  t.equal(second.code, 0, second.stderr)
  t.match(second.summary, { fetched: 0, received: 0, current: first.summary.fetched })
  t.equal(fetchedAgain.archives, 0, 'no byte of an archive')
})

t.test('a mirror of refdepot, served, answers as the origin', async t => {
  const big = { files: { x: noise(9_000_000) } }
  const made = await genomeFolder(t, { ...USUAL, 'big:default': big })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const origin = await startOurs(t, ['-c', made.serverConfig])
  const between = await counting(t, origin)
  const folder = join(made.archiveFolder, '..', 'mirror')
  const fetched = between.counted()
  const first = await mirror(between.url, folder)
  t.equal(first.code, 0, first.stderr)
  t.ok(fetched.archives > 9_000_000)
  const ours = await startOurs(t, ['-c', join(folder, 'genome_config.yaml')])
  let compared = 0
  for (const request of peerRequests()) {
    const [theirs, mine] = await Promise.all([ask(origin, request), ask(ours, request)])
    compared += 1
    t.same(mine, theirs, `${request.method} ${request.path} ${JSON.stringify(request.headers)}`)
  }
  t.ok(compared >= MINIMUM_COMPARISONS, `${compared} comparisons`)
  const fetchedAgain = between.counted()
  t.match((await mirror(between.url, folder)).summary, { fetched: 0, received: 0, current: 3 })
  t.equal(fetchedAgain.archives, 0, 'no byte of an archive')
})

t.test(
  'killed while it fetches and while it publishes: nothing is half, and the last run completes it',
  async t => {
    const spec = Object.fromEntries(
      Array.from({ length: ASSETS }, (_, i) => [
        `part${i}:default`,
        { files: { x: noise(3_000_000 + i) } },
      ]),
    )
    const made = await genomeFolder(t, spec)
    await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
    const origin = await startOurs(t, ['-c', made.serverConfig])
    const between = await counting(t, origin)
    const folder = join(made.archiveFolder, '..', 'mirror')
    const isComplete = async () => {
      for (const name of Object.keys(spec)) {
        const archive = join(T7, `${name.replace(':', '__')}.tgz`)
        const [there, here] = await Promise.all(
          [made.archiveFolder, folder].map(at => readFile(join(at, archive))),
        )
        t.ok(there?.equals(here as Buffer), archive)
      }
      t.same(await readdir(join(folder, '.refdepot')), [], 'nothing is left')
    }
    /** A run that is killed so many milliseconds after so many bytes of archives: its exit code, null when it was killed, and the bytes it was given. */
    const killedAfter = async (bytes: number, ms: number) => {
      const command = ['dist/cli/main.js', 'mirror', '--from', between.url, '-o', folder]
      let isMeant = false
      const counts = between.counted(given => {
        if (isMeant || given < bytes) return
        isMeant = true
        // At once means before these bytes are passed on.
        if (ms === 0) child.kill('SIGKILL')
        else setTimeout(() => child.kill('SIGKILL'), ms)
      })
      const child = spawn(process.execPath, command, { stdio: 'ignore' })
      const [code] = await once(child, 'exit')
      return { code, given: counts.archives }
    }
    const sizes = Object.keys(spec).map(async name => {
      const archive = join(made.archiveFolder, T7, `${name.replace(':', '__')}.tgz`)
      return (await stat(archive)).size
    })
    // Bytes that a run gets only when it has an archive whole and has begun with one more: each one gets further.
    const enough = AT_ONCE * Math.max(...(await Promise.all(sizes))) + 500_000
    let kills = 0
    let total = 0
    for (;;) {
      const { code, given } = await killedAfter(enough, 0)
      total += given
      if (code !== null) break
      kills += 1
      if (kills > ASSETS) throw new Error(`${kills} runs were killed: they do not get further`)
      await t.rejects(
        stat(join(folder, 'genome_config.yaml')),
        'what is not complete is not listed',
      )
    }
    t.ok(kills >= 3, `${kills} kills, ${total} bytes`)
    const all = ASSETS * 3_000_000
    t.ok(total < all + all / 4 + kills * 3 * 4_200_000, `${total} bytes for ${all}`)
    await isComplete()
    for (let ms = 0; ms < 160; ms += 20) {
      await rm(folder, { recursive: true })
      await killedAfter(all, ms)
      const config = join(folder, 'genome_config.yaml')
      if ((await stat(config).catch(() => undefined)) !== undefined) {
        const check = ['dist/cli/main.js', 'serve', '-c', config, '--check', '--deep']
        const checked = await run(process.execPath, check)
        t.equal(checked.code, 0, checked.stdout + checked.stderr)
      }
      t.equal((await mirror(origin, folder)).code, 0)
      await isComplete()
    }
  },
)
