import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { create } from '../support/create-archives.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

/** A server with an archive that is larger than what sockets hold. */
async function withLargeArchive(t: Test) {
  const made = await genomeFolder(t, { 'big:default': { files: { 'big.bin': noise(20_000_000) } } })
  await create(made)
  const { app, listen } = await startApp(t, {
    config: made.serverConfig,
    archiveFolder: made.archiveFolder,
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return { app, agent, url: `${await listen()}/t7/assets/big/archive` }
}

const asked = (url: string, agent: Agent) =>
  new Promise<IncomingMessage>((done, failed) => get(url, { agent }, done).on('error', failed))

t.test(
  'a server that stops ends its downloads, and then does not wait for connections that are kept',
  async t => {
    const { app, agent, url } = await withLargeArchive(t)
    const answer = await asked(url, agent)
    const closed = app.close()
    let bytes = 0
    for await (const chunk of answer) bytes += chunk.length
    t.equal(bytes, Number(answer.headers['content-length']))
    // The agent keeps the connection as a proxy does; without an end of it this would wait for the 72 s of a kept connection.
    await closed
  },
)

t.test(
  'a request that arrives over a kept connection while the server stops is answered',
  async t => {
    const { app, agent, url } = await withLargeArchive(t)
    const download = await asked(url, agent)
    const { port, hostname } = new URL(url)
    const arrived = once(app.server, 'connection')
    const socket = connect(Number(port), hostname)
    // Not whole yet when the stop begins, so the connection is not an idle one.
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n')
    const [seen] = (await arrived) as [Socket]
    while (seen.bytesRead === 0) await new Promise(done => setImmediate(done))
    const closed = app.close()
    await new Promise(done => setImmediate(done))
    socket.write('\r\n')
    const answer = await text(socket)
    t.match(answer, /^HTTP\/1\.1 200 /)
    t.match(answer, /connection: close/i)
    download.destroy()
    await closed
  },
)
