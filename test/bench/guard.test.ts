/** The guard of the benchmark of small answers: whoever answers wrongly cannot win. */
import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import {
  bodyOf,
  demandDigest,
  demandRight,
  demandWhole,
  expectation,
  guarded,
  wireBytes,
} from '../../bench/measure/guard.mjs'
import { answering, send } from './answering.ts'

const BODY = Buffer.from('{"archive_digest":"2e0d"}')
const OTHER = Buffer.from('{"archive_digest":"ffff"}')
const CONNECTIONS = 2

/** A load as wrk counts it, one request after the other: status, and bytes with heads. */
async function smallLoad(url: string, requests: number) {
  let [bytes, wrongStatus] = [0, 0]
  for (let i = 0; i < requests; i += 1) {
    bytes += await wireBytes(url)
    await bodyOf(url).catch(() => {
      wrongStatus += 1
    })
  }
  return { requests, bytes, wrongStatus, socketErrors: 0, seconds: 1 }
}

/** Requests of the load are told from samples by their path. */
const LOAD = '?load'

const measured = async (t: Test, listener: RequestListener, requests = 10) => {
  const url = `http://127.0.0.1:${await answering(t, listener)}/attrs`
  const samples = [{ url, expected: expectation(BODY) }]
  return guarded(samples, CONNECTIONS, () => smallLoad(url + LOAD, requests))
}

/** Answers rightly at first, so that only what is looked at under load can find the wrong ones. */
const rightThen = (right: number, wrong: RequestListener): RequestListener => {
  let asked = 0
  return (request, response) => {
    asked += 1
    return (asked <= right ? send(BODY) : wrong)(request, response)
  }
}

/** Answers rightly whenever it is looked at: only what is counted of the load can find the wrong ones. */
const wrongUnderLoad = (wrong: RequestListener): RequestListener => {
  return (request, response) =>
    (request.url?.endsWith(LOAD) ? wrong : send(BODY))(request, response)
}

t.test('right answers are counted, the sampled ones too', async t => {
  const counted = await measured(t, send(BODY))
  t.ok(counted.sampled >= 1)
  t.equal(counted.requests, 10 + counted.sampled)
})

t.test('wrong answers are found before anything is timed', async t => {
  await t.rejects(measured(t, send(Buffer.alloc(0))), /0 bytes instead of 25/)
  await t.rejects(measured(t, send(OTHER)), /other bytes/)
  await t.rejects(measured(t, send(BODY, 500)), /answers 500/)
  await t.rejects(measured(t, send(BODY.subarray(1))), /24 bytes instead of 25/)
})

t.test('answers that are wrong only under load are found', async t => {
  // The first answer is the demanded one, the second the one that is weighed.
  await t.rejects(measured(t, rightThen(2, send(OTHER))), /other bytes/)
  await t.rejects(measured(t, wrongUnderLoad(send(Buffer.alloc(0)))), /cannot have been/)
  await t.rejects(measured(t, wrongUnderLoad(send(BODY, 503))), /wrong status/)
})

t.test('what was counted must be whole answers', async t => {
  const whole = { bytesPerAnswer: 100, connections: CONNECTIONS }
  const counted = { requests: 50, bytes: 5000, wrongStatus: 0, socketErrors: 0 }
  t.doesNotThrow(() => demandWhole(counted, whole))
  t.doesNotThrow(() => demandWhole({ ...counted, bytes: 5150 }, whole), 'two were under way')
  t.throws(() => demandWhole({ ...counted, bytes: 4999 }, whole), /cannot have been/)
  t.throws(() => demandWhole({ ...counted, bytes: 5201 }, whole), /cannot have been/)
  t.throws(() => demandWhole({ ...counted, wrongStatus: 1 }, whole), /wrong status/)
  t.throws(() => demandWhole({ ...counted, socketErrors: 1 }, whole), /have failed/)
  t.throws(() => demandWhole({ ...counted, requests: 0, bytes: 0 }, whole), /nothing was answered/)
})

t.test('an expectation of nothing is none', async t => {
  t.throws(() => expectation(Buffer.alloc(0)), /proves nothing/)
})

t.test('a large answer is compared by its digest', async t => {
  const url = `http://127.0.0.1:${await answering(t, send(BODY))}/`
  await t.resolves(demandDigest(url, expectation(BODY).sha256))
  await t.rejects(demandDigest(url, expectation(OTHER).sha256), /other bytes/)
})

t.test('bytes on the wire are those of head and body', async t => {
  const port = await answering(t, send(BODY))
  const head = `HTTP/1.1 200 OK\r\ncontent-length: 25\r\nDate: ${new Date().toUTCString()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n`
  t.equal(await wireBytes(`http://127.0.0.1:${port}/`), head.length + BODY.length)
})

t.test('an answer that ends early is wrong', async t => {
  const port = await answering(t, (_request, response) => {
    response.writeHead(200, { 'content-length': BODY.length + 1 })
    response.write(BODY, () => response.destroy())
  })
  await t.rejects(demandRight(`http://127.0.0.1:${port}/`, expectation(BODY)))
  await t.rejects(wireBytes(`http://127.0.0.1:${port}/`), /ends early/)
})
