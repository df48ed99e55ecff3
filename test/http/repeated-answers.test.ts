/** Answers that are given again without the framework: the same in every header, and for nobody and nothing else. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import {
  countingApp,
  getText,
  numbersOf,
  rawClient,
  settledNumbers,
} from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'

const SIZES = { small: 4096, other: 3000, larger: 20_000 }
const archiveOf = (asset: string) => `/v3/assets/archive/${T7}/${asset}`
const attributesOf = (asset: string) => `/v3/assets/attrs/${T7}/${asset}`

/** Counts what goes through the framework. */
function generalWay(t: Test): { count: number } {
  const seen = { count: 0 }
  const note = () => {
    seen.count += 1
  }
  subscribe('tracing:fastify.request.handler:start', note)
  t.teardown(() => unsubscribe('tracing:fastify.request.handler:start', note))
  return seen
}

/**
 * Lets no time pass for what is kept: a small archive is kept for a second, and a busy machine takes longer for a few requests.
 *
 * @returns a function that lets it go on
 */
function stoppedClock(t: Test): () => void {
  const now = performance.now()
  performance.now = () => now
  const goOn = () => void Reflect.deleteProperty(performance, 'now')
  t.teardown(goOn)
  return goOn
}

/** A client that keeps one connection and sends no header by itself but Host and Connection. */
function client(t: Test, url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async (path: string, options: RequestOptions = {}) => {
    const answer = await new Promise<IncomingMessage>((done, failed) =>
      request(url + path, { agent, ...options }, done)
        .on('error', failed)
        .end(),
    )
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk)
    const { statusCode: status, rawHeaders } = answer
    const at = rawHeaders.indexOf('Date')
    // The time of the answer is its own; everything else is compared, with its order.
    const head = rawHeaders.filter((_, i) => i !== at + 1)
    return { status, head, headers: answer.headers, body: Buffer.concat(chunks) }
  }
}

/** The app with requests that are not logged, as far as a test does not say otherwise. */
async function quietApp(t: Test, access: Parameters<typeof countingApp>[2] = {}) {
  const started = await countingApp(t, SIZES, access)
  started.app.log.level = 'warn'
  return { ...started, ask: client(t, started.url), general: generalWay(t) }
}

t.test('an answer that is given again is the same in every header', async t => {
  const { ask, general, folder } = await quietApp(t)
  const bytes = await readFile(join(folder, T7, 'small__default.tgz'))
  stoppedClock(t)
  for (const path of [archiveOf('small'), attributesOf('small')]) {
    general.count = 0
    const first = await ask(path)
    t.equal(general.count, 1)
    const again = await ask(path)
    t.equal(general.count, 1, 'not through the framework')
    t.same(again, first)
    const agent = { 'User-Agent': 'curl/8', Accept: '*/*', 'Accept-Encoding': 'gzip' }
    t.same(await ask(path, { headers: agent }), first, 'what clients say of themselves')
    t.equal(general.count, 1)
    t.same(await ask(path, { headers: { 'X-Other': '1' } }), first, 'by the general way')
    t.equal(general.count, 2)
    const head = await ask(path, { method: 'HEAD' })
    t.same([head.status, head.head, head.body.length], [200, first.head, 0])
    t.equal(general.count, 3)
  }
  t.same((await ask(archiveOf('small'))).body, bytes)
})

t.test('what could change the answer goes the general way', async t => {
  const { ask, general, digests } = await quietApp(t)
  const path = archiveOf('small')
  await ask(path)
  const cases: [Record<string, string>, number][] = [
    [{ Range: 'bytes=0-9' }, 206],
    [{ 'If-None-Match': `"${digests.small}"` }, 304],
    [{ 'If-Match': '"x"' }, 412],
    [{ Authorization: 'Bearer x' }, 200],
    [{ Cookie: 'refdepot_session=x' }, 200],
    [{ 'X-Forwarded-For': '10.0.0.1' }, 200],
    [{ 'Content-Length': '0' }, 200],
  ]
  for (const [headers, status] of cases) {
    general.count = 0
    t.equal((await ask(path, { headers })).status, status, JSON.stringify(headers))
    t.equal(general.count, 1)
  }
  general.count = 0
  const posted = await ask(path, { method: 'POST' })
  t.equal(posted.status, 405)
  for (const large of [1, 2]) {
    general.count = 0
    t.equal((await ask(archiveOf('larger'))).body.length, SIZES.larger)
    t.equal(general.count, 1, `large ones always (${large})`)
  }
})

t.test('requests behind one another on a connection get their answers in order', async t => {
  const { url, ask } = await quietApp(t)
  const one = await ask(archiveOf('small'))
  const other = await ask(attributesOf('small'))
  const text = getText(archiveOf('small')) + getText(attributesOf('small'))
  const last = getText(archiveOf('small'), { connection: 'close' })
  const { read } = await rawClient(url, text + text + last)
  const got = (await read(Number.POSITIVE_INFINITY)).toString('latin1')
  const bodies = [one, other, one, other, one].map(({ body }) => body.toString('latin1'))
  t.same(
    got
      .split(/HTTP\/1.1 200 OK\r\n/)
      .slice(1)
      .map(part => part.slice(part.indexOf('\r\n\r\n') + 4)),
    bodies,
  )
})

t.test('a file that was replaced, and another catalogue, are noticed', async t => {
  const { ask, folder, depot, general } = await quietApp(t)
  const before = await ask(attributesOf('small'))
  const file = join(folder, T7, 'small__default.tgz')
  await ask(archiveOf('small'))
  await writeFile(`${file}.new`, Buffer.alloc(SIZES.small, 'n'))
  await rename(`${file}.new`, file)
  await wait(1100)
  t.match((await ask(archiveOf('small'))).body.toString(), /^n+$/)
  const config = join(folder, 'genome_config.yaml')
  const text = await readFile(config, 'utf8')
  await writeFile(config, text.replace('4096 B', '4.0KB'))
  await depot.reload()
  general.count = 0
  const after = await ask(attributesOf('small'))
  t.match(after.body.toString(), /4\.0KB/)
  t.not(after.headers.etag, before.headers.etag)
  t.equal(general.count, 1)
})

t.test('what is given again is counted as what is not', async t => {
  const { url, ask, general } = await quietApp(t)
  const goOn = stoppedClock(t)
  for (let i = 0; i < 5; i += 1) await ask(archiveOf('small'))
  t.equal(general.count, 1, 'by the general way')
  goOn()
  t.same(await settledNumbers(url, 'small', 5), { downloads: 5, bytes: 5 * SIZES.small })
  const headers = { 'User-Agent': 'Python-urllib/3.11' }
  for (let i = 0; i < 4; i += 1) await ask(archiveOf('other'), { headers })
  t.same(await settledNumbers(url, 'other', 2), { downloads: 2, bytes: 4 * SIZES.other })
})

t.test('what a client throws away is not counted', async t => {
  const { app, url, ask, general } = await quietApp(t, { settleMs: 3000 })
  const goOn = stoppedClock(t)
  await ask(archiveOf('small'))
  // The same client asks on: that one has arrived.
  await ask(archiveOf('small'))
  general.count = 0
  const connected = once(app.server, 'connection') as Promise<[Socket]>
  const dropped = await rawClient(url, getText(archiveOf('small')))
  const [socket] = await connected
  while (socket.bytesWritten < SIZES.small || socket.writableLength > 0) await wait(10)
  const ended = new Promise(done => socket.once('close', done))
  dropped.socket.resetAndDestroy()
  await ended
  goOn()
  t.equal(general.count, 0)
  const { downloads, bytes } = await settledNumbers(url, 'small', 2, 3000)
  t.same([downloads, bytes], [2, 3 * SIZES.small])
  t.equal((await numbersOf(url, 'other')).downloads, 0)
})

t.test('with budgets every request is asked about', async t => {
  const { ask, general } = await quietApp(t, { limits: { addressTransfers: 5 } })
  for (let i = 0; i < 3; i += 1) await ask(archiveOf('small'))
  t.equal(general.count, 3)
})

t.test('requests that are logged go the general way', async t => {
  const { app, ask, general, log } = await quietApp(t)
  stoppedClock(t)
  await ask(archiveOf('small'))
  app.log.level = 'info'
  general.count = 0
  await ask(archiveOf('small'))
  t.equal(general.count, 1)
  t.match(log.at(-1), { msg: 'request', url: archiveOf('small') })
  app.log.level = 'warn'
  await ask(archiveOf('small'))
  t.equal(general.count, 1)
})

t.test('a server that stops says with its answers that the connection ends', async t => {
  let begin = () => {}
  const begun = new Promise<void>(done => {
    begin = done
  })
  let stop = () => {}
  const asked = new Promise<void>(done => {
    stop = done
  })
  // Connections without work are closed when this is over, and no earlier.
  const beforeStop = () => {
    begin()
    return asked
  }
  const { app, listen } = await controlledApp(t, { beforeStop })
  app.log.level = 'warn'
  const ask = client(t, await listen())
  await ask(`/v3/assets/attrs/${T7}/fasta`)
  t.not((await ask(`/v3/assets/attrs/${T7}/fasta`)).headers.connection, 'close')
  const closed = app.close()
  await begun
  t.equal((await ask(`/v3/assets/attrs/${T7}/fasta`)).headers.connection, 'close')
  stop()
  await closed
})

t.test('nothing is given to those who may not see it', async t => {
  const { app, listen, callers } = await controlledApp(t)
  app.log.level = 'warn'
  const ask = client(t, await listen())
  const path = `/v3/assets/attrs/${T7}/${PANEL}`
  const headers = { Authorization: `Bearer ${callers.right}` }
  for (let i = 0; i < 3; i += 1) t.equal((await ask(path, { headers })).status, 200)
  for (let i = 0; i < 3; i += 1) t.equal((await ask(path)).status, 404)
  t.equal((await ask(path, { headers })).status, 200)
})

t.test('no more is kept than the budget allows', async t => {
  const { ask, general } = await quietApp(t)
  const path = attributesOf('small')
  await ask(path)
  for (let i = 0; i < 8000; i += 1) await ask(`${path}?n=${i}`)
  general.count = 0
  await ask(`${path}?n=7999`)
  t.equal(general.count, 0)
  await ask(path)
  t.equal(general.count, 1, 'the oldest one is gone')
})
