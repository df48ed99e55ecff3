// A wire to a server: `node capped-wire.mjs PORT BITS_PER_SECOND ROUND_TRIP_MS [each]`; prints its own port, ends with its stdin.
//
// Bytes of all connections share the rate, each way on its own, and arrive half a round trip later. With `each` every connection has the rate for itself,
// as where a far server or a long way limits it, and its first bytes leave a round trip later, which is how long it takes to be made. It is no
// model of TCP: nothing is lost, and no window has to grow.
import { connect, createServer } from 'node:net'

const [port, bits, roundTripMs] = process.argv.slice(2, 5).map(Number)
const isEach = process.argv[5] === 'each'
const BYTES_PER_MS = bits / 8 / 1000
const DELAY_MS = roundTripMs / 2
// What is on the wire, and in a buffer before it.
const MOST_QUEUED = BYTES_PER_MS * DELAY_MS + 1024 * 1024

/** The ways of a wire: when the last byte of each has left. */
const waysFrom = freeAt => ({ there: { freeAt }, back: { freeAt } })
const shared = waysFrom(0)

function carry(from, to, way) {
  const queue = []
  let queued = 0
  let timer
  const deliver = () => {
    timer = undefined
    while (queue.length > 0 && queue[0].at <= performance.now()) {
      const { chunk } = queue.shift()
      if (chunk === null) return void to.end()
      queued -= chunk.length
      if (!to.write(chunk)) {
        to.once('drain', deliver)
        return
      }
    }
    if (queued < MOST_QUEUED) from.resume()
    if (queue.length > 0) timer = setTimeout(deliver, queue[0].at - performance.now())
  }
  const add = (chunk, length) => {
    way.freeAt = Math.max(way.freeAt, performance.now()) + length / BYTES_PER_MS
    queue.push({ at: way.freeAt + DELAY_MS, chunk })
    queued += length
    if (queued >= MOST_QUEUED) from.pause()
    if (timer === undefined && to.writableNeedDrain !== true) deliver()
  }
  from.on('data', chunk => add(chunk, chunk.length))
  from.on('end', () => add(null, 0))
  from.on('error', () => to.destroy())
  from.on('close', () => {
    if (!from.readableEnded) to.destroy()
  })
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, client => {
  const store = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const ways = isEach ? waysFrom(performance.now() + roundTripMs) : shared
  carry(client, store, ways.there)
  carry(store, client, ways.back)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
process.stdin.on('end', () => process.exit()).resume()
