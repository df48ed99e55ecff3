import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, readdir, writeFile } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FileStream } from '../../src/storage/file-stream.ts'

const SIZE = 3_000_000
// More than the sockets of a connection hold.
const LARGE = 24_000_000

const openFiles = async () => (await readdir('/proc/self/fd')).length

async function contentOf(t: Test, size = SIZE) {
  const content = randomBytes(size)
  const path = join(t.testdir({}), 'x')
  await writeFile(path, content)
  const stream = async (start = 0, end = size) =>
    new FileStream(await open(path), path, { start, end })
  return { content, stream }
}

/** A bare server: each answer is given to the test. */
async function served(t: Test, answer: (response: ServerResponse) => unknown) {
  const server = createServer((_request, response) => void answer(response))
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = () =>
    new Promise<IncomingMessage>((done, failed) =>
      get({ port, host: '127.0.0.1', agent: false }, done).on('error', failed),
    )
  return { ask, port }
}

t.test('an answer of the server gets the bytes without a copy for each chunk', async t => {
  const { content, stream } = await contentOf(t)
  const before = await openFiles()
  const seen: string[] = []
  const { ask } = await served(t, async response => {
    const body = await stream(5, SIZE - 5)
    body.on('end', () => seen.push('end')).on('close', () => seen.push('close'))
    body.pipe(response)
    // An ordinary pipe listens to the data.
    t.equal(body.listenerCount('data'), 0)
  })
  t.ok((await buffer(await ask())).equals(content.subarray(5, SIZE - 5)))
  while (seen.length < 2) await wait(1)
  t.same(seen, ['end', 'close'])
  while ((await openFiles()) > before + 1) await wait(1)
})

t.test('an answer that shall stay open gets something behind the file', async t => {
  const { content, stream } = await contentOf(t)
  const { ask } = await served(t, async response => {
    const body = await stream()
    body.pipe(response, { end: false })
    body.on('end', () => response.end('!'))
  })
  t.ok((await buffer(await ask())).equals(Buffer.concat([content, Buffer.from('!')])))
})

t.test('everybody else gets memory of their own', async t => {
  const { content, stream } = await contentOf(t)
  const kept = new PassThrough()
  const piped = await stream()
  piped.pipe(kept)
  t.equal(piped.listenerCount('data'), 1)
  t.ok((await buffer(kept)).equals(content))
  t.ok((await buffer(await stream(1))).equals(content.subarray(1)))
  t.equal((await buffer(await stream(7, 7))).length, 0)
})

t.test(
  'a stream that somebody has begun to read, or that has nothing, is piped as any other',
  async t => {
    const { content, stream } = await contentOf(t)
    const bodies = [await stream(7, 7), await stream()]
    await once(bodies[1] as FileStream, 'readable')
    const { ask } = await served(t, response => {
      const body = bodies.shift() as FileStream
      body.pipe(response)
      t.equal(body.listenerCount('data'), 1)
    })
    t.equal((await buffer(await ask())).length, 0)
    t.ok((await buffer(await ask())).equals(content))
  },
)

t.test(
  'a client that goes away in the middle leaves no descriptor and no stream behind',
  async t => {
    const { stream } = await contentOf(t, LARGE)
    const before = await openFiles()
    const bodies: FileStream[] = []
    const { ask, port } = await served(t, async response => {
      const body = await stream()
      bodies.push(body)
      response.on('close', () => body.destroy())
      body.pipe(response)
    })
    for (let i = 0; i < 20; i += 1) {
      const answer = await ask()
      if (i % 2 === 0) await once(answer, 'readable')
      answer.destroy()
      const rude = connect(port, '127.0.0.1').on('error', () => {})
      rude.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(rude, 'data')
      rude.resetAndDestroy()
    }
    // Answers are 40, each ends or breaks off.
    while (bodies.length < 40 || bodies.some(body => !body.closed)) await wait(5)
    while ((await openFiles()) > before + 2) await wait(5)
    t.equal(bodies.length, 40)
  },
)
