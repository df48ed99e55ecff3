/** Download counts and budgets when nginx sends the files: it reports what it has sent, so they are those of a server without it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  getText,
  numbersOf,
  rawClient,
  settledNumbers,
  sizedArchives,
} from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type HandedOver, startHandedOver } from '../support/peers/handed-over.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const MB = 1024 * 1024
const SIZES = { middle: 3 * MB, big: 96 * MB }
// The real server waits two seconds for connections that break; reports come at once.
const SETTLE_MS = 2500
const PATIENCE_MS = 10_000
const COUNTING = ['--count-downloads', 'true']
const pathOf = (asset: string) => `/t7/assets/${asset}/archive`

async function started(t: Test, flags: readonly string[] = [], reporting = true) {
  const folder = folderRemovedLast(t, { archives: {}, out: {} })
  const archives = join(folder, 'archives')
  const { config } = await sizedArchives(archives, SIZES)
  const all = { flags: [...COUNTING, ...flags], reporting }
  const server = await startHandedOver(t, config, archives, all)
  return { ...server, out: join(folder, 'out') }
}

/** How many files nginx was told to send so far. */
async function ordersOf({ proxy }: HandedOver): Promise<number> {
  return (await proxy.log()).split('\n').filter(line => line.endsWith(' 421')).length
}

/** Begins a download through nginx and stops reading. */
async function begun(url: string, asset: string, bytes: number) {
  const client = await rawClient(url, getText(pathOf(asset)))
  await client.read(bytes)
  return client
}

/** The answer once no transfer is running any more: one that has ended here is told of by nginx a moment later. */
async function whenFree(url: string): Promise<Response> {
  for (const end = Date.now() + PATIENCE_MS; ; await wait(100)) {
    const answer = await fetch(url)
    if (answer.status !== 429 || Date.now() > end) return answer
    const text = await answer.text()
    if (!text.includes('running already')) return new Response(text, { status: 429 })
  }
}

t.test('curl, wget and aria2c: each download is one, with the bytes that were sent', async t => {
  const server = await started(t)
  const { url, out } = server
  const file = join(out, 'a.tgz')
  const tools: readonly (readonly [string, ...string[]])[] = [
    ['curl', '-fsS', '-o', file],
    ['curl', '-fsS', '--http1.0', '-o', file],
    ['wget', '-q', '-O', file],
    ['aria2c', '-q', '-x8', '-s8', '-k1M', '--dir', out, '-o', 'a.tgz'],
  ]
  for (const [asset, size] of Object.entries(SIZES)) {
    for (const [tool, ...args] of tools) {
      const before = await numbersOf(url, asset)
      const orders = await ordersOf(server)
      await rm(file, { force: true })
      t.equal((await run(tool, [...args, url + pathOf(asset)])).code, 0, tool)
      const after = await settledNumbers(url, asset, before.downloads + 1, SETTLE_MS)
      t.equal(after.downloads, before.downloads + 1, `${tool} ${asset}`)
      const sent = after.bytes - before.bytes
      // aria2c begins with the whole and breaks that off when it has its first segment.
      if (tool !== 'aria2c') t.equal(sent, size, `${tool} ${asset}`)
      else t.ok(sent >= size, `${tool} ${asset}: ${sent} bytes`)
      t.ok((await ordersOf(server)) > orders, 'nginx has sent the file')
    }
  }
})

t.test('what is broken off counts when it was continued', async t => {
  const server = await started(t)
  const { url, out } = server
  const broken = await begun(url, 'big', 5 * MB)
  broken.socket.destroy()
  const aborted = await settledNumbers(url, 'big', 0, SETTLE_MS)
  t.equal(aborted.downloads, 0)
  t.ok(aborted.bytes >= 5 * MB - 1000 && aborted.bytes < SIZES.big, `${aborted.bytes} bytes`)
  const rest = ['-fsS', '-r', `${4 * MB}-`, '-o', join(out, 'rest'), '-A', '']
  t.equal((await run('curl', [...rest, url + pathOf('big')])).code, 0)
  const resumed = await settledNumbers(url, 'big', 1, SETTLE_MS)
  t.same(resumed, { downloads: 1, bytes: aborted.bytes + 92 * MB })
  t.equal(await ordersOf(server), 2)
})

t.test('each pull of the real refgenie client is one download', async t => {
  const folder = folderRemovedLast(t, { home: {} })
  const flags = [...COUNTING, '--state', join(folder, 'state.sqlite')]
  const archives = `${BUILT}/archives`
  const server = await startHandedOver(t, `${archives}/genome_config.yaml`, archives, { flags })
  const client = join(folder, 'home', 'genome_config.yaml')
  const refgenie = (...args: string[]) =>
    run(`${PYTHON_BIN}/refgenie`, args, {
      env: { ...process.env, REFGENIE: client, PATH: `${PYTHON_BIN}:${process.env.PATH}` },
    })
  t.equal((await refgenie('init', '-c', client, '-s', server.url)).code, 0)
  const downloads = async () => {
    const answer = await fetch(`${server.url}/t7/assets/bowtie2_index`)
    return ((await answer.json()) as { downloads: number }).downloads
  }
  for (const times of [1, 2, 3]) {
    const orders = await ordersOf(server)
    const name = 't7/bowtie2_index:default'
    const pulled = await refgenie('pull', '--force-overwrite', '--force-large', name)
    t.equal(pulled.code, 0, pulled.stderr)
    for (let i = 0; i < 100 && (await downloads()) !== times; i += 1) await wait(100)
    await wait(SETTLE_MS)
    t.equal(await downloads(), times, `pull ${times}`)
    t.equal(await ordersOf(server), orders + 2, 'it asks twice, and nginx has sent both answers')
  }
})

t.test('budgets: slots and bytes come back when nginx reports the end', async t => {
  const server = await started(t, ['--transfers-address', '1', '--limit-address', '120MB/day'])
  const { url } = server
  const status = async (asset: string) => {
    const answer = await fetch(url + pathOf(asset), { headers: { range: 'bytes=0-99999' } })
    await answer.arrayBuffer()
    return answer.status
  }
  const running = await begun(url, 'big', MB)
  t.equal(await status('middle'), 429, 'one at a time')
  running.socket.destroy()
  let freed = 0
  for (let tries = 0; tries < 100 && freed !== 206; tries += 1) {
    await wait(100)
    freed = await status('middle')
  }
  t.equal(freed, 206)
  // Were the broken one charged in full, the budget would not last for two more.
  for (const time of ['first', 'second']) {
    const whole = await whenFree(url + pathOf('big'))
    t.equal((await whole.arrayBuffer()).byteLength, SIZES.big, time)
  }
  const refused = await whenFree(url + pathOf('middle'))
  t.match(await refused.text(), /budget of bytes/, 'now it is used up')
})

t.test('without reports a hand-over counts as sent', async t => {
  const { url } = await started(t, [], false)
  const broken = await begun(url, 'big', MB)
  broken.socket.destroy()
  t.same(await settledNumbers(url, 'big', 1, SETTLE_MS), { downloads: 1, bytes: SIZES.big })
})

t.test('what nginx could not send is none', async t => {
  const folder = folderRemovedLast(t, { archives: {}, empty: {} })
  const archives = join(folder, 'archives')
  const { config } = await sizedArchives(archives, SIZES)
  const nginxSends = join(folder, 'empty')
  const { url } = await startHandedOver(t, config, archives, { flags: COUNTING, nginxSends })
  t.equal((await fetch(url + pathOf('middle'))).status, 503)
  t.same(await settledNumbers(url, 'middle', 0, SETTLE_MS), { downloads: 0, bytes: 0 })
  t.match(await (await fetch(`${url}/v3/genomes/list`)).json(), [T7])
})
