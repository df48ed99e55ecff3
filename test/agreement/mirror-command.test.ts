/** `refdepot mirror` of the living refgenieserver and of a refdepot: served, it answers as the origin does; a second run fetches nothing. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { noise } from '../support/content-shapes.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { ask } from '../support/peers/answer.ts'
import { EXPLANATIONS } from '../support/peers/explained-differences.ts'
import { peerRequests } from '../support/peers/requests.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, startOurs, startPeer } from '../support/peers/servers.ts'

const ARCHIVES = `${BUILT}/archives`
const MINIMUM_COMPARISONS = 300

/** Passes everything on, and counts bytes of archives. */
async function counting(t: Test, origin: string) {
  const counts = { archives: 0 }
  const server = createServer((asked, reply) => {
    const { url = '', method = 'GET', headers } = asked
    const passed = request(origin + url, { method, headers, agent: false }, answer => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk: Buffer) => {
        // Not of indexes and parts, which are below an archive.
        if (/\/archive(?:\?|\/)|\/archives\/[0-9a-f]+$/.test(url)) counts.archives += chunk.length
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
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, counts }
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
  const folder = join(t.testdir({}), 'mirror')
  const first = await mirror(between.url, folder)
  t.equal(first.code, 0, first.stderr)
  t.ok(between.counts.archives > 100_000, `${between.counts.archives} bytes of archives`)
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
  between.counts.archives = 0
  const second = await mirror(between.url, folder)
  t.equal(second.code, 0, second.stderr)
  t.match(second.summary, { fetched: 0, received: 0, current: first.summary.fetched })
  t.equal(between.counts.archives, 0, 'no byte of an archive')
})

t.test('a mirror of refdepot, served, answers as the origin', async t => {
  const big = { files: { x: noise(9_000_000) } }
  const made = await genomeFolder(t, { ...USUAL, 'big:default': big })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const origin = await startOurs(t, ['-c', made.serverConfig])
  const between = await counting(t, origin)
  const folder = join(made.archiveFolder, '..', 'mirror')
  const first = await mirror(between.url, folder)
  t.equal(first.code, 0, first.stderr)
  t.ok(between.counts.archives > 9_000_000)
  const ours = await startOurs(t, ['-c', join(folder, 'genome_config.yaml')])
  let compared = 0
  for (const request of peerRequests()) {
    const [theirs, mine] = await Promise.all([ask(origin, request), ask(ours, request)])
    compared += 1
    t.same(mine, theirs, `${request.method} ${request.path} ${JSON.stringify(request.headers)}`)
  }
  t.ok(compared >= MINIMUM_COMPARISONS, `${compared} comparisons`)
  between.counts.archives = 0
  t.match((await mirror(between.url, folder)).summary, { fetched: 0, received: 0, current: 3 })
  t.equal(between.counts.archives, 0, 'no byte of an archive')
})
