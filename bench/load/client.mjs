// A process of clients: `node client.mjs JOB`. Prints `ready`, waits for a line, then lets its connections follow the plan, and prints what they got as JSON.
// Ends with 1 and a message at the first wrong answer. The job: { port, path, size, connections, plan, check }, see clients.mjs.
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { wrongStamp } from '../inputs/stamps.mjs'
import { Connection, WrongAnswer } from './connection.mjs'

const job = JSON.parse(process.argv[2])

/** Whatever is sent must be the bytes of the place that was asked for. */
function checker({ stamps, file, base64 }) {
  if (stamps === true) {
    return (offset, chunk) => {
      const wrong = wrongStamp(offset, chunk)
      if (wrong !== undefined) throw new WrongAnswer(`wrong bytes at ${wrong}`)
    }
  }
  const truth = file === undefined ? Buffer.from(base64, 'base64') : readFileSync(file)
  return (offset, chunk) => {
    if (truth.compare(chunk, 0, chunk.length, offset, offset + chunk.length) !== 0)
      throw new WrongAnswer(`wrong bytes between ${offset} and ${offset + chunk.length}`)
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32): all sides get the same ranges. */
function seeded(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const PLANS = {
  /** All of it, some times. */
  async whole(connection, { times }) {
    for (let i = 0; i < times; i += 1) await connection.get()
  },
  /** Ranges of a length at random places, for some seconds. */
  async ranges(connection, { length, seconds, seed }, at) {
    const random = seeded(seed * 1000 + at)
    const until = performance.now() + seconds * 1000
    while (performance.now() < until) {
      const start = Math.floor(random() * (job.size - length))
      await connection.get({ start, end: start + length })
    }
  },
  /** All of it every few milliseconds, for some seconds; keeps how long each took. */
  async paced(connection, { everyMs, seconds, delaySeconds }) {
    await wait(delaySeconds * 1000)
    const until = performance.now() + seconds * 1000
    while (performance.now() < until) {
      const began = performance.now()
      await connection.get()
      const took = performance.now() - began
      latencies.push(took)
      if (took < everyMs) await wait(everyMs - took)
    }
  },
}

const latencies = []
const check = checker(job.check)
const connections = Array.from(
  { length: job.connections },
  () => new Connection({ port: job.port, path: job.path, size: job.size, check }),
)
await Promise.all(connections.map(connection => connection.open()))
process.stdout.write('ready\n')
await new Promise(go => process.stdin.once('data', go))
const began = performance.now()
const clients = await Promise.all(
  connections.map(async (connection, at) => {
    await PLANS[job.plan.kind](connection, job.plan, at)
    connection.close()
    const seconds = (performance.now() - began) / 1000
    return { bytes: connection.bytes, answers: connection.answers, seconds }
  }),
)
process.stdout.write(`${JSON.stringify({ clients, latencies })}\n`, () => process.exit())
