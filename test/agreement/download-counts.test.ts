/** Download counts with the programs that people download with: each pull is one, and the bytes are those of the content. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { numbersOf, settledNumbers, sizedArchives } from '../support/counting-app.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { startPostgres } from '../support/peers/postgres.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'
import { until } from '../support/until.ts'

const MB = 1024 * 1024
const PART = 5 * MB
const SIZES = { tiny: 700, middle: 3 * MB, big: 96 * MB }
// The real server waits two seconds for connections that break.
const SETTLE_MS = 2500
const COUNTING = ['--count-downloads', 'true']

/** Our server over archives of random bytes, as a process of its own. */
async function server(t: Test) {
  const folder = folderRemovedLast(t, { archives: {}, out: {} })
  const { config } = await sizedArchives(join(folder, 'archives'), SIZES)
  const url = await startOurs(t, ['-c', config, ...COUNTING])
  const out = join(folder, 'out')
  const archive = (asset: string) => `${url}/t7/assets/${asset}/archive`
  return { url, config, out, archive }
}

const within = (actual: number, expected: number) => Math.abs(actual - expected) <= expected / 1000

t.test('curl, wget and aria2c: each download is one, and so is a resumed one', async t => {
  const { url, out, archive } = await server(t)
  const file = join(out, 'a.tgz')
  const tools: readonly (readonly [string, ...string[]])[] = [
    ['curl', '-fsS', '-o', file],
    ['wget', '-q', '-O', file],
    ['aria2c', '-q', '-x8', '-s8', '-k1M', '--dir', out, '-o', 'a.tgz'],
  ]
  for (const [asset, size] of Object.entries(SIZES)) {
    let { downloads, bytes } = await numbersOf(url, asset)
    for (const [tool, ...args] of tools) {
      await rm(file, { force: true })
      t.equal((await run(tool, [...args, archive(asset)])).code, 0, tool)
      const after = await settledNumbers(url, asset, downloads + 1, SETTLE_MS)
      t.equal(after.downloads, downloads + 1, `${tool} ${asset}`)
      // aria2c begins with the whole and breaks that off when it has its first segment: what was sent by then was sent.
      const sent = after.bytes - bytes
      if (tool !== 'aria2c') t.ok(within(sent, size), `${tool} ${asset}: ${sent} of ${size} bytes`)
      else t.ok(sent >= size, `${tool} ${asset}: ${sent} of ${size} bytes`)
      downloads = after.downloads
      bytes = after.bytes
    }
  }
})

t.test('a download that was killed and resumed is one; one that was killed is none', async t => {
  const { url, out, archive } = await server(t)
  const file = join(out, 'a.tgz')
  // Ten seconds for all of it, half a second for the part.
  const rate = '10M'
  for (const [tool, slow, again] of [
    ['curl', ['-fsS', '-o', file, '--limit-rate', rate], ['-fsS', '-C', '-', '-o', file]],
    ['wget', ['-q', '-O', file, `--limit-rate=${rate}`], ['-q', '-c', '-O', file]],
  ] as const) {
    const { downloads } = await numbersOf(url, 'big')
    await rm(file, { force: true })
    const child = spawn(tool, [...slow, archive('big')], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await until('a part is there', async () => (await stat(file)).size >= PART)
    child.kill('SIGKILL')
    await ended
    t.ok((await stat(file)).size < SIZES.big, `${tool} was killed half-way`)
    t.equal((await settledNumbers(url, 'big', downloads, SETTLE_MS)).downloads, downloads)
    t.equal((await run(tool, [...again, archive('big')])).code, 0, tool)
    t.equal((await stat(file)).size, SIZES.big)
    const after = await settledNumbers(url, 'big', downloads + 1, SETTLE_MS)
    t.equal(after.downloads, downloads + 1, tool)
  }
})

t.test('each pull of the real refgenie client is one download', async t => {
  const state = join(folderRemovedLast(t, { home: {} }), 'state.sqlite')
  const home = join(state, '..', 'home')
  const config = `${BUILT}/archives/genome_config.yaml`
  const url = await startOurs(t, ['-c', config, '--state', state, ...COUNTING])
  const client = join(home, 'genome_config.yaml')
  const refgenie = (...args: string[]) =>
    run(`${PYTHON_BIN}/refgenie`, args, {
      env: { ...process.env, REFGENIE: client, PATH: `${PYTHON_BIN}:${process.env.PATH}` },
    })
  t.equal((await refgenie('init', '-c', client, '-s', url)).code, 0)
  const numbers = async (path: string) => {
    const answer = await fetch(`${url}/stats?limit=1000`)
    const { items } = (await answer.json()) as {
      items: { registry_path: string; downloads: number }[]
    }
    return items.find(item => item.registry_path === path)?.downloads
  }
  const pulls: readonly (readonly [string, string])[] = [
    ['t7/fasta:default', `${T7}/fasta:default`],
    ['t7/bowtie2_index:default', `${T7}/bowtie2_index:default`],
    ['t7/bwa_index:default', `${T7}/bwa_index:default`],
    ['lambda/fasta:default', `${LAMBDA}/fasta:default`],
  ]
  for (const [name, path] of pulls) {
    for (const times of [1, 2, 3]) {
      const pulled = await refgenie('pull', '--force-overwrite', '--force-large', name)
      t.equal(pulled.code, 0)
      for (let i = 0; i < 100 && (await numbers(path)) !== times; i += 1) await wait(100)
      await wait(SETTLE_MS)
      t.equal(await numbers(path), times, `${name}, pull ${times}`)
    }
  }
})

/** Segments of an archive, each asked of the next server in turn, as a load balancer does it. */
async function inTurn(urls: readonly string[], asset: 'big' | 'middle', segments: number) {
  const size = Math.ceil(SIZES[asset] / segments)
  const headers = (i: number) => ({ range: `bytes=${i * size}-${(i + 1) * size - 1}` })
  await Promise.all(
    Array.from({ length: segments }, async (_, i) => {
      const url = urls[i % urls.length] as string
      const answer = await fetch(`${url}/t7/assets/${asset}/archive`, { headers: headers(i) })
      await answer.arrayBuffer()
    }),
  )
}

for (const place of ['PostgreSQL', 'one file'] as const) {
  t.test(`two servers that share ${place} come to exact counts together`, async t => {
    const folder = folderRemovedLast(t, { archives: {} })
    const state =
      place === 'PostgreSQL' ? (await startPostgres(t)).url : join(folder, 'state.sqlite')
    const { config } = await sizedArchives(join(folder, 'archives'), SIZES)
    const args = ['-c', config, '--state', state, ...COUNTING]
    const urls = [await startOurs(t, args), await startOurs(t, args)]
    const [one, two] = urls as [string, string]
    for (const times of [1, 2, 3]) {
      await inTurn(urls, 'big', 8)
      const after = await settledNumbers(one, 'big', times, SETTLE_MS)
      t.same(after, { downloads: times, bytes: times * SIZES.big })
      t.same(await numbersOf(two, 'big'), after, 'both tell the same')
    }
    // The refgenie client's two requests, one to each server.
    for (const times of [1, 2]) {
      const urllib = `import urllib.request as u
f = u.urlopen('${one}/t7/assets/tiny/archive'); f.info(); f.close()
u.urlretrieve('${two}/t7/assets/tiny/archive', '/dev/null')`
      t.equal((await run(`${PYTHON_BIN}/python`, ['-c', urllib])).code, 0)
      t.equal((await settledNumbers(two, 'tiny', times, SETTLE_MS)).downloads, times)
    }
    const whole = Array.from({ length: 40 }, (_, i) =>
      fetch(`${urls[i % 2]}/t7/assets/middle/archive`).then(answer => answer.arrayBuffer()),
    )
    await Promise.all(whole)
    t.same(await settledNumbers(one, 'middle', 40, SETTLE_MS), {
      downloads: 40,
      bytes: 40 * SIZES.middle,
    })
  })
}

t.test('a database that is down costs no download and no count', async t => {
  const folder = folderRemovedLast(t, { archives: {} })
  const postgres = await startPostgres(t)
  const { config } = await sizedArchives(join(folder, 'archives'), SIZES)
  const url = await startOurs(t, ['-c', config, '--state', postgres.url, ...COUNTING])
  const archive = `${url}/t7/assets/middle/archive`
  const get = async (headers = {}) => {
    const answer = await fetch(archive, { headers })
    t.ok(answer.ok)
    return (await answer.arrayBuffer()).byteLength
  }
  await get()
  t.equal((await settledNumbers(url, 'middle', 1, SETTLE_MS)).downloads, 1)
  for (const [i, end] of [postgres.stop, postgres.kill].entries()) {
    await end()
    await get()
    await get({ range: `bytes=0-${MB - 1}` })
    await wait(2 * SETTLE_MS)
    await get({ range: `bytes=${MB}-` })
    const record = await (await fetch(`${url}/t7/assets/middle`)).json()
    t.ok((record as { downloads: number }).downloads >= 2 + 2 * i, 'records go on')
    t.equal((await fetch(`${url}/stats`)).status, 503)
    await postgres.start()
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await fetch(`${url}/stats`)).ok) break
      await wait(100)
    }
    const downloads = 3 + 2 * i
    t.same(await settledNumbers(url, 'middle', downloads, 3 * SETTLE_MS), {
      downloads,
      bytes: downloads * SIZES.middle,
    })
  }
})
