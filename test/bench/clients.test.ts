/** The streaming readers of the benchmark: they end at the first byte that is not right. */
import { writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PAGE, stampedPieces, wrongStamp } from '../../bench/inputs/stamps.mjs'
import { runClients } from '../../bench/load/clients.mjs'
import { answering, send } from './answering.ts'

const SIZE = 512 * 1024
const BODY = Buffer.from(stampedPieces(SIZE)(0))
const WHOLE = { kind: 'whole', times: 3 }
const RANGES = { kind: 'ranges', length: 20_000, seconds: 0.05, seed: 1 }

/** Answers ranges as they must be. */
const ranges: RequestListener = (request, response) => {
  const [, from = 0, to = 0] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
  const part = BODY.subarray(Number(from), Number(to) + 1)
  response.writeHead(206, {
    'content-length': part.length,
    'content-range': `bytes ${from}-${to}/${SIZE}`,
  })
  response.end(part)
}

const read = async (t: Test, listener: RequestListener, job: object = { plan: WHOLE }) =>
  runClients([
    {
      port: await answering(t, listener),
      path: '/big',
      size: SIZE,
      connections: 2,
      check: { stamps: true },
      ...job,
    },
  ])

t.test('what was read is counted', async t => {
  const got = await read(t, send(BODY))
  t.same(
    got.clients.map(({ bytes, answers }: { bytes: number; answers: number }) => ({
      bytes,
      answers,
    })),
    Array.from({ length: 2 }, () => ({ bytes: 3 * SIZE, answers: 3 })),
  )
  t.ok(got.bytesPerSecond > 0)
})

t.test('ranges are asked for at random places, and compared with a file', async t => {
  const file = join(t.testdir(), 'truth')
  writeFileSync(file, BODY)
  for (const check of [{ stamps: true }, { file }]) {
    const got = await read(t, ranges, { plan: RANGES, check })
    t.ok(got.clients.every(({ answers }: { answers: number }) => answers >= 1))
  }
})

t.test('a paced client keeps how long each answer took', async t => {
  const plan = { kind: 'paced', everyMs: 1, seconds: 0.05, delaySeconds: 0 }
  const small = BODY.subarray(0, 100)
  const check = { base64: small.toString('base64') }
  const got = await read(t, send(small), { size: 100, plan, check, connections: 1 })
  t.ok(got.latencies.length > 0)
  t.equal(got.latencies.length, got.clients[0].answers)
})

t.test('wrong answers end it', async t => {
  const moved = Buffer.concat([BODY.subarray(PAGE), BODY.subarray(0, PAGE)])
  await t.rejects(read(t, send(moved)), /wrong bytes at 0/)
  await t.rejects(read(t, send(Buffer.alloc(0))), /answers 200, length 0/)
  await t.rejects(read(t, send(BODY.subarray(1))), /length 524287/)
  await t.rejects(read(t, send(BODY, 500)), /answers 500/)
  await t.rejects(read(t, send(BODY), { plan: RANGES }), /20000 bytes were asked for/)
})

t.test('a range from another place is wrong, though its head is right', async t => {
  const elsewhere: RequestListener = (request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const headers = { 'content-length': 20_000, 'content-range': `bytes ${from}-${to}/${SIZE}` }
    response.writeHead(206, headers).end(BODY.subarray(1, 20_001))
  }
  const file = join(t.testdir(), 'truth')
  writeFileSync(file, BODY)
  await t.rejects(read(t, elsewhere, { plan: RANGES, check: { file } }), /wrong bytes/)
})

t.test('an answer that breaks off, or never comes, is wrong', async t => {
  const broken: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': SIZE })
    response.write(BODY.subarray(0, 1000), () => response.destroy())
  }
  await t.rejects(read(t, broken), /ends after 1000 bytes/)
  const free = await answering(t, (request, response) => {
    request.socket.destroy()
    response.destroy()
  })
  await t.rejects(
    runClients([
      { port: free, path: '/', size: 1, connections: 1, plan: WHOLE, check: { stamps: true } },
    ]),
    /ends after 0 bytes/,
  )
})

t.test('stamps tell the place of every page of a chunk', async t => {
  t.equal(wrongStamp(0, BODY), undefined)
  t.equal(wrongStamp(PAGE + 100, BODY.subarray(PAGE + 100, 5 * PAGE)), undefined)
  t.equal(wrongStamp(0, BODY.subarray(PAGE)), 0)
  const lastIsWrong = Buffer.concat([BODY.subarray(0, 3 * PAGE), BODY.subarray(0, PAGE)])
  t.equal(wrongStamp(0, lastIsWrong), 3 * PAGE)
  t.equal(wrongStamp(10, BODY.subarray(10, 20)), undefined, 'a piece without a stamp says nothing')
})
