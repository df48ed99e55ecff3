import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t from 'tap'
import { EXAMPLE_FLAGS } from '../support/example-folder.ts'
import { serveCli } from '../support/run-cli.ts'

// Node's own limit is 511.
const CLIENTS = 800
const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
const skip = most < CLIENTS && `the kernel lets only ${most} connections wait`

t.test(
  'a server that is busy for a moment keeps hundreds of new connections waiting',
  { skip },
  async t => {
    const { child, url } = await serveCli(t, EXAMPLE_FLAGS)
    const { hostname, port } = new URL(url)
    // It accepts nothing now; what is beyond the limit would get no answer from the kernel, and ask again in a second, then in two, …
    child.kill('SIGSTOP')
    t.teardown(() => child.kill('SIGCONT'))
    const sockets = Array.from({ length: CLIENTS }, () => connect(Number(port), hostname))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
    })
    const within = AbortSignal.timeout(10_000)
    const connected = await Promise.allSettled(
      sockets.map(socket => once(socket, 'connect', { signal: within })),
    )
    t.equal(connected.filter(({ status }) => status === 'fulfilled').length, CLIENTS)
    child.kill('SIGCONT')
    const answers = sockets.map(async socket => {
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const [first] = await once(socket, 'data')
      return String(first).slice(0, 12)
    })
    t.same(new Set(await Promise.all(answers)), new Set(['HTTP/1.1 200']))
  },
)
