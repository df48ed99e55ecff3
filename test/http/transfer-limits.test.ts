import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { TransferLimits } from '../../src/http/access/transfer-limits.ts'
import { bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import { until } from '../support/until.ts'

const ARCHIVE = '/t7/assets/fasta/archive'

t.test('a budget of bytes is used up, and fills again', async t => {
  let now = 0
  const limits = new TransferLimits({ addressBytes: { bytes: 1000, seconds: 100 } }, () => now)
  limits.begin('a', undefined, 600).end(600)
  limits.begin('a', undefined, 900).end(900)
  t.throws(() => limits.begin('a', undefined, 1), {
    code: 'too-many-requests',
    message: /this address has used up its budget of bytes; try again in 51 seconds/,
  })
  limits.begin('b', undefined, 1).end(1)
  now += 52_000
  limits.begin('a', undefined, 1).end(1)
  now += 1_000_000
  limits.begin('a', undefined, 1000).end(1000)
  t.throws(() => limits.begin('a', undefined, 1), { message: /1 seconds/ })
})

t.test('what was announced and not sent is given back, once', async t => {
  const limits = new TransferLimits({ tokenBytes: { bytes: 1000, seconds: 100 } }, () => 0)
  limits.begin('a', undefined, 9999).end(9999)
  const transfer = limits.begin('a', 'token', 1000)
  t.throws(() => limits.begin('b', 'token', 1), { message: /this token/ })
  transfer.end(400)
  transfer.end(0)
  limits.begin('a', 'token', 600).end(5000)
  t.throws(() => limits.begin('a', 'token', 1))
  limits.begin('a', 'other', 1).end(1)
})

t.test('so many transfers at a time, however many requests', async t => {
  const limits = new TransferLimits({ addressTransfers: 2, tokenTransfers: 1 })
  const one = limits.begin('a', undefined, 1)
  const two = limits.begin('a', 'token', 1)
  t.throws(() => limits.begin('a', undefined, 1), {
    message: /this address has 2 transfers running already; try again in 1 seconds/,
  })
  t.throws(() => limits.begin('b', 'token', 1), { message: /this token has 1 transfers/ })
  one.end(1)
  limits.begin('a', undefined, 1).end(1)
  two.end(1)
  for (let i = 0; i < 10_000; i += 1) limits.begin('a', 'token', 1).end(1)
  t.pass('ten thousand requests, one after the other')
})

t.test('idle accounts are forgotten, running ones are not', async t => {
  const limits = new TransferLimits({ addressTransfers: 1 })
  limits.begin('busy', undefined, 1)
  for (let i = 0; i < 25_000; i += 1) limits.begin(`address ${i}`, undefined, 1).end(1)
  t.throws(() => limits.begin('busy', undefined, 1))
})

t.test(
  'data over budget is answered 429 in the words of each family; lists are always answered',
  async t => {
    const { get, callers } = await controlledApp(t, {
      limits: {
        addressBytes: { bytes: 10, seconds: 3600 },
        tokenBytes: { bytes: 1, seconds: 3600 },
      },
    })
    const from = (url: string, remoteAddress: string, caller: keyof typeof callers = 'none') =>
      get(url, caller, { remoteAddress })
    t.equal((await from(ARCHIVE, '192.0.2.1')).statusCode, 200)
    const refused = await from(ARCHIVE, '192.0.2.1')
    t.equal(refused.statusCode, 429)
    t.match(refused.headers['retry-after'], /^\d+$/)
    t.equal(refused.headers.etag?.includes('"'), true)
    t.match(refused.json(), { code: 'too-many-requests' })
    t.match((await from('/v2/asset/t7/fasta/archive', '192.0.2.1')).json(), { detail: /used up/ })
    t.equal((await from('/genomes', '192.0.2.1')).statusCode, 200)
    t.equal(
      (await get(ARCHIVE, 'none', { method: 'HEAD', remoteAddress: '192.0.2.1' })).statusCode,
      200,
    )
    t.equal((await from(ARCHIVE, '192.0.2.2')).statusCode, 200)
    t.equal((await from(`/t7/assets/${PANEL}/archive`, '192.0.2.3', 'right')).statusCode, 200)
    t.equal(
      (await from(`/t7/assets/${PANEL}/archive`, '192.0.2.4', 'right')).statusCode,
      429,
      'the token, from wherever',
    )
    t.equal((await from(`/t7/assets/${PANEL}/archive`, '192.0.2.5', 'admin')).statusCode, 200)
  },
)

t.test('a transfer that is broken off lets the next one in, and costs what was sent', async t => {
  const bytes = 1024 ** 4
  const { listen, access, callers } = await controlledApp(t, {
    limits: { addressTransfers: 1, tokenBytes: { bytes, seconds: 1e9 } },
  })
  const url = await listen()
  const request = (path: string) =>
    httpGet(url + path, { headers: bearer(callers.right), agent: false })
  const first = request(ARCHIVE)
  const [answer] = (await once(first, 'response')) as [IncomingMessage]
  t.equal(answer.statusCode, 200)
  answer.resume()
  await once(answer, 'end')
  let end = (_sent: number) => {}
  await until('the slot is free', async () => {
    const transfer = await access.limits.begin('127.0.0.1', undefined, 1)
    end = sent => transfer.end(sent)
    return true
  })
  const [blocked] = (await once(request(ARCHIVE), 'response')) as [IncomingMessage]
  t.equal(blocked.statusCode, 429)
  blocked.resume()
  end(1)
  const [open] = (await once(request(ARCHIVE), 'response')) as [IncomingMessage]
  t.equal(open.statusCode, 200)
  open.destroy()
  // The server hears of the end in its own time.
  await until('the next one is let in', async () => {
    const [next] = (await once(request(ARCHIVE), 'response')) as [IncomingMessage]
    next.resume()
    return next.statusCode === 200
  })
})

t.test('downloads that are cancelled before they begin leave nothing running', async t => {
  const { listen, access, callers } = await controlledApp(t, {
    limits: { tokenTransfers: 4, addressTransfers: 4 },
    gate: { free: 1000 },
  })
  const { port } = new URL(await listen())
  const head = `GET ${ARCHIVE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${callers.right}\r\n\r\n`
  const cancelled = () =>
    new Promise<void>(done => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(head, () => socket.resetAndDestroy()),
      )
      socket.on('error', () => {})
      socket.on('close', () => done())
    })
  for (let round = 0; round < 5; round += 1)
    await Promise.all(Array.from({ length: 40 }, cancelled))
  const id = callers.right?.split('_')[1] as string
  for (let i = 0; i < 4; i += 1)
    await until('a slot is free', async () => {
      await access.limits.begin('127.0.0.1', id, 1)
      return true
    })
  t.throws(() => access.limits.begin('127.0.0.1', id, 1), 'all four were free')
})

t.test('a used-up budget is not forgotten for others who have used nothing', async t => {
  const limits = new TransferLimits({ addressBytes: { bytes: 1000, seconds: 1e9 } })
  limits.begin('spender', undefined, 5000).end(5000)
  for (let i = 0; i < 25_000; i += 1) limits.begin(`address ${i}`, undefined, 0).end(0)
  t.throws(() => limits.begin('spender', undefined, 1))
  for (let i = 0; i < 25_000; i += 1) limits.begin(`user ${i}`, undefined, 500).end(500)
  limits.begin('spender', undefined, 1)
  t.pass('the number of accounts is bounded all the same')
})
