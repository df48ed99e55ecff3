/**
 * Ports that nothing listens on at this moment.
 *
 * They lie below those that Linux gives to whoever connects (`net.ipv4.ip_local_port_range`), so that no connection takes one before its server
 * listens, or while that is down. A process is given no port twice: several that are asked for before the first is used are different.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 20_000
const BEYOND = 32_768
const given = new Set<number>()

/** A free TCP port of the loopback. */
export function freePort(): Promise<number> {
  return portFor(async port => {
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
  })
}

/** A free UDP port of an address of the loopback. */
export function freeUdpPort(address: '127.0.0.1' | '::1' = '127.0.0.1'): Promise<number> {
  return portFor(async port => {
    const socket = createSocket(address === '::1' ? 'udp6' : 'udp4').bind(port, address)
    await once(socket, 'listening')
    socket.close()
    await once(socket, 'close')
  })
}

/** A port that could be bound just now. */
async function portFor(bind: (port: number) => Promise<void>): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, BEYOND)
    if (given.has(port)) continue
    // At once, before somebody else asks.
    given.add(port)
    const taken = await bind(port).then(
      () => false,
      error => {
        if (error.code !== 'EADDRINUSE') throw error
        return true
      },
    )
    if (!taken) return port
  }
}
