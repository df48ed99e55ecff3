import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readlink, truncate, writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { nextChunkSize } from '../../src/storage/file-stream.ts'
import { randomNumbers } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

// More than the sockets of a connection hold, so that a client that does not read holds the server's buffers.
const SIZE = 16_000_000
const CLIENTS = 16
const ROUNDS = Number(process.env.BULK_ROUNDS ?? 4)
const SEED = Number(process.env.BULK_SEED ?? 7)

/** The app over one archive of random bytes, on a port. */
async function withArchive(t: Test) {
  const folder = t.testdir({})
  const content = randomBytes(SIZE)
  const md5 = createHash('md5').update(content).digest('hex')
  const path = join(folder, T7, 'big__default.tgz')
  await mkdir(join(folder, T7))
  await writeFile(path, content)
  const config = join(folder, 'genome_config.yaml')
  await writeFile(
    config,
    `genomes:\n  ${T7}:\n    aliases: [t7]\n    assets:\n      big:\n        tags:\n          default: {archive_digest: ${md5}, archive_size: 22.89 MB}\n`,
  )
  const { app, log, listen } = await startApp(t, { config, archiveFolder: folder })
  const url = `${await listen()}/t7/assets/big/archive`
  return { app, content, path, log, url }
}

const ask = (url: string, range?: string, agent: Agent | false = false) =>
  new Promise<IncomingMessage>((done, failed) => {
    const headers = range === undefined ? {} : { range }
    get(url, { agent, headers }, done).on('error', failed)
  })

/** Descriptors of the archive that this process has open. */
async function openArchives(path: string): Promise<number> {
  const names = (await readdir('/proc/self/fd')).map(fd =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ''),
  )
  return (await Promise.all(names)).filter(name => name === path).length
}

async function untilClosed(path: string): Promise<void> {
  while ((await openArchives(path)) > 0) await wait(10)
}

/** Bytes of an answer as a client of this kind reads them; undefined when it went away before the end. */
async function readAs(kind: number, answer: IncomingMessage, stopAt: number) {
  const chunks: Buffer[] = []
  let got = 0
  try {
    for await (const chunk of answer) {
      chunks.push(chunk)
      got += chunk.length
      if (kind === 0 && got > stopAt) return { bytes: Buffer.concat(chunks), whole: false }
      if (kind === 1 && chunks.length % 32 === 0) await wait(2)
    }
  } finally {
    if (kind === 0) answer.destroy()
  }
  return { bytes: Buffer.concat(chunks), whole: true }
}

t.test('every byte is right, whoever reads fast, slowly, in part, or goes away', async t => {
  const { content, path, url } = await withArchive(t)
  t.comment(`seed ${SEED}`)
  // Who asks for all of it and does not read yet: the server holds chunks that no socket takes.
  const waiting = await Promise.all(Array.from({ length: 4 }, () => ask(url)))
  const wrong: string[] = []
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const next = randomNumbers(SEED * 1000 + client)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = next(SIZE - 1)
      const length = 1 + next(round % 2 === 0 ? 6_000_000 : 200_000)
      const end = Math.min(SIZE, start + length)
      const answer = await ask(url, `bytes=${start}-${end - 1}`, agent)
      const { bytes, whole } = await readAs(next(4), answer, next(length))
      const expected = content.subarray(start, start + bytes.length)
      if (
        answer.statusCode !== 206 ||
        !bytes.equals(expected) ||
        (whole && start + bytes.length !== end)
      ) {
        wrong.push(`client ${client}, round ${round}: ${start}-${end}`)
      }
    }
    agent.destroy()
  })
  await Promise.all(clients)
  t.same(wrong, [])
  for (const [i, answer] of waiting.entries()) {
    if (i === 0) answer.destroy()
    else t.ok((await buffer(answer)).equals(content), 'untouched while others were served')
  }
  await untilClosed(path)
})

t.test('answers to requests that were sent at once come one after the other, whole', async t => {
  const { content, path, url } = await withArchive(t)
  const { port, hostname, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  const ranges = [
    [0, 3_000_000],
    [10, 300_010],
    [5_000_000, 9_000_000],
  ] as const
  for (const [start, end] of ranges) {
    const connection = end === 9_000_000 ? 'close' : 'keep-alive'
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nRange: bytes=${start}-${end - 1}\r\n\r\n`,
    )
  }
  let rest = await buffer(socket)
  for (const [start, end] of ranges) {
    const head = rest.indexOf('\r\n\r\n') + 4
    t.match(rest.subarray(0, head).toString(), `content-length: ${end - start}\r\n`)
    t.ok(rest.subarray(head, head + end - start).equals(content.subarray(start, end)))
    rest = rest.subarray(head + end - start)
  }
  t.equal(rest.length, 0)
  await untilClosed(path)
})

t.test('one who goes away with answers outstanding leaves nothing open', async t => {
  const { path, url } = await withArchive(t)
  const { port, hostname, pathname } = new URL(url)
  for (let i = 0; i < 10; i += 1) {
    const socket = connect(Number(port), hostname).on('error', () => {})
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3))
    await once(socket, 'data')
    if (i % 2 === 0) socket.resetAndDestroy()
    else socket.destroy()
  }
  await untilClosed(path)
  t.equal(nextChunkSize(), 1024 * 1024, 'no stream is counted any more')
})

t.test(
  'a file that shrinks while it is sent breaks the connection, never a short success',
  async t => {
    const { content, path, url, log } = await withArchive(t)
    const answer = await ask(url)
    await once(answer, 'readable')
    await truncate(path, 100)
    const chunks: Buffer[] = []
    await t.rejects(
      async () => {
        for await (const chunk of answer) chunks.push(chunk)
      },
      { code: 'ECONNRESET' },
    )
    const got = Buffer.concat(chunks)
    t.ok(got.length < SIZE)
    t.ok(got.equals(content.subarray(0, got.length)), 'what came before it is right')
    await untilClosed(path)
    t.match(
      log.filter(({ msg }) => msg === 'the answer was broken off'),
      [{ err: { code: 'short-read' } }],
    )
  },
)

t.test('HEAD, whole, one range and several ranges agree', async t => {
  const { content, path, url } = await withArchive(t)
  const head = await new Promise<IncomingMessage>(done =>
    request(url, { method: 'HEAD', agent: false }, done).end(),
  )
  t.equal((await buffer(head)).length, 0)
  t.equal(head.headers['content-length'], String(SIZE))
  t.equal(head.headers['x-content-type-options'], 'nosniff')
  const whole = await ask(url)
  t.same({ ...whole.headers, date: '' }, { ...head.headers, date: '' }, 'no hook is passed by')
  t.ok((await buffer(whole)).equals(content))
  const several = await ask(url, 'bytes=0-2999999,5000000-7999999')
  const body = await buffer(several)
  t.equal(several.headers['content-length'], String(body.length))
  t.ok(body.includes(content.subarray(0, 3_000_000)))
  t.ok(body.includes(content.subarray(5_000_000, 8_000_000)))
  await untilClosed(path)
})
