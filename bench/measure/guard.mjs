// Whoever answers wrongly cannot win: what is timed must be whole and right.
import { createHash } from 'node:crypto'
import { get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { parseHead, requestText } from '../load/http-head.mjs'

// Seldom enough to be no load of its own.
const SAMPLE_EVERY_MS = 500
const ANSWER_MS = 120_000

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')

/** What an answer must be: its length, and the digest of its bytes. */
export function expectation(body) {
  if (body.length === 0) throw new Error('an empty answer proves nothing')
  return { length: body.length, sha256: sha256(body) }
}

/** Body of a 200, over a connection of its own. @throws Error when the answer is another, or not whole */
export function bodyOf(url) {
  return new Promise((done, failed) => {
    const sent = get(url, { agent: false, timeout: ANSWER_MS }, response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk)).on('error', failed)
      response.on('end', () => {
        if (response.statusCode === 200) done(Buffer.concat(chunks))
        else failed(new Error(`${url} answers ${response.statusCode}`))
      })
    })
    sent.on('error', failed).on('timeout', () => sent.destroy(new Error(`${url} does not answer`)))
  })
}

/** Demands that a URL answers what it must. */
export async function demandRight(url, expected) {
  const body = await bodyOf(url)
  if (body.length !== expected.length)
    throw new Error(`${url} answers ${body.length} bytes instead of ${expected.length}`)
  if (sha256(body) !== expected.sha256) throw new Error(`${url} answers other bytes`)
}

/** Demands that a large answer has a digest, without keeping it. */
export function demandDigest(url, expected) {
  return new Promise((done, failed) => {
    const hash = createHash('sha256')
    get(url, { agent: false }, response => {
      response.on('data', chunk => hash.update(chunk)).on('error', failed)
      response.on('end', () => {
        const isRight = response.statusCode === 200 && hash.digest('hex') === expected
        if (isRight) done()
        else failed(new Error(`${url} answers ${response.statusCode} and other bytes`))
      })
    }).on('error', failed)
  })
}

/** Bytes of one answer with its head, to a request as wrk sends it. */
export function wireBytes(url) {
  const { port, pathname, search } = new URL(url)
  return new Promise((done, failed) => {
    let text = ''
    const socket = connect({ port: Number(port), host: '127.0.0.1' }, () =>
      socket.write(requestText(port, pathname + search)),
    )
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`${url} does not answer`)))
    socket.on('error', failed).on('close', () => failed(new Error(`${url} ends early`)))
    socket.on('data', chunk => {
      text += chunk.latin1Slice()
      const end = text.indexOf('\r\n\r\n')
      if (end === -1) return
      const { length } = parseHead(text.slice(0, end))
      if (length === undefined) failed(new Error(`${url} does not say how long it is`))
      else if (text.length >= end + 4 + length) done(end + 4 + length)
      else return
      socket.destroy()
    })
  })
}

/**
 * Demands that what a load generator has counted are whole answers and nothing else. Answers that were under way when it stopped have
 * added bytes, less than one answer for each connection.
 *
 * @param counted - `{ requests, bytes, wrongStatus, socketErrors }`
 */
export function demandWhole(counted, { bytesPerAnswer, connections }) {
  const { requests, bytes, wrongStatus, socketErrors } = counted
  if (requests === 0) throw new Error('nothing was answered')
  if (wrongStatus > 0) throw new Error(`${wrongStatus} of ${requests} answers have a wrong status`)
  if (socketErrors > 0) throw new Error(`${socketErrors} connections have failed`)
  const least = requests * bytesPerAnswer
  if (bytes < least || bytes > least + connections * bytesPerAnswer)
    throw new Error(
      `${requests} answers of ${bytesPerAnswer} bytes cannot have been ${bytes} bytes`,
    )
}

/**
 * Lets a load run over URLs whose answers are known, and looks at answers meanwhile: one each half second, by length and digest.
 *
 * @param samples - `[{ url, expected }]`, all of one length
 * @param load - runs the load; answers what {@link demandWhole} wants, and `seconds`
 * @returns what the load has counted, with the sampled answers among the requests: they took their time, too
 */
export async function guarded(samples, connections, load) {
  for (const { url, expected } of samples) await demandRight(url, expected)
  const bytesPerAnswer = await wireBytes(samples[0].url)
  let [isOver, sampled] = [false, 0]
  const sampling = (async () => {
    while (!isOver) {
      const { url, expected } = samples[sampled % samples.length]
      await demandRight(url, expected)
      sampled += 1
      if (!isOver) await wait(SAMPLE_EVERY_MS)
    }
  })()
  // It is awaited below, when the load is over.
  sampling.catch(() => undefined)
  const counted = await load().finally(() => {
    isOver = true
  })
  await sampling
  demandWhole(counted, { bytesPerAnswer, connections })
  return { ...counted, requests: counted.requests + sampled, sampled }
}
