/** Answers whose ends a client has not read yet when the server stops. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { getText, sizedArchives } from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { socketPath } from '../support/socket-path.ts'
import { startApp } from '../support/start-app.ts'

// One is read ahead of its client as a whole, one is read in one piece, one is given again without the framework.
const SIZES = { large: 1_500_000, small: 60_000, tiny: 16_000 }
const archiveOf = (asset: string) => `/v3/assets/archive/${T7}/${asset}`

/** The app behind a Unix socket, which takes a fixed number of bytes, and no more while nobody reads. */
async function withSocket(t: Test) {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, SIZES)
  const { app } = await startApp(t, { config, archiveFolder: folder })
  // Requests that are logged are not answered again without the framework.
  app.log.level = 'warn'
  const path = await socketPath(t)
  await app.listen({ path })
  return { app, path }
}

/** Opens a connection that reads nothing by itself; answers both of its ends. */
async function connected(app: FastifyInstance, path: string): Promise<[Socket, Socket]> {
  const arrived = once(app.server, 'connection')
  const client = connect(path).pause()
  client.on('error', () => {})
  const [seen] = (await arrived) as [Socket]
  return [client, seen]
}

/** Asks for the same again and again and reads nothing, until an answer was ended of which a part has not left the server; tells how often it asked. */
async function askUntilStuck(app: FastifyInstance, client: Socket, text: string): Promise<number> {
  for (let asks = 1; ; asks += 1) {
    const asked = once(app.server, 'request')
    client.write(text)
    const [, answer] = (await asked) as [unknown, ServerResponse]
    while (!answer.writableEnded) await turn()
    // What the kernel takes, it takes at once; the answer tells of it in its next turns.
    for (let i = 0; i < 5; i += 1) await turn()
    if (!answer.writableFinished) return asks
  }
}

/** Counts how often the server has looked for connections that have nothing to do. */
function looksOf({ server }: FastifyInstance): () => number {
  let looks = 0
  const look = server.closeIdleConnections
  server.closeIdleConnections = () => {
    looks += 1
    look.call(server)
  }
  return () => looks
}

/** Counts what goes through the framework. */
function generalWay(t: Test): () => number {
  let count = 0
  const note = () => {
    count += 1
  }
  subscribe('tracing:fastify.request.handler:start', note)
  t.teardown(() => unsubscribe('tracing:fastify.request.handler:start', note))
  return () => count
}

const AGAIN = 'an answer that is given again'

for (const [kind, text] of Object.entries({
  'a file that is sent ahead': getText(archiveOf('large')),
  'a file that is sent in one piece': getText(archiveOf('small')),
  'a page': getText('/', { accept: 'text/html' }),
  [AGAIN]: getText(archiveOf('tiny')),
  'parts that are piped': getText(archiveOf('small'), { range: 'bytes=0-999,2000-2999' }),
})) {
  t.test(`${kind} loses nothing when the server stops before its end was read`, async t => {
    const { app, path } = await withSocket(t)
    const [idle] = await connected(app, path)
    idle.write(getText('/healthz'))
    await once(idle.resume(), 'data')
    const [client, seen] = await connected(app, path)
    const general = generalWay(t)
    const asks = await askUntilStuck(app, client, text)
    if (kind === AGAIN) t.ok(general() < asks, 'without the framework')
    t.ok(seen.writableLength > 0)
    const sent = seen.bytesWritten
    const looks = looksOf(app)
    const left = once(idle, 'close')
    const closed = app.close()
    await left
    t.pass('who has nothing to do does not wait for who reads slowly')
    while (looks() < 3 && !seen.destroyed) await wait(20)
    t.equal((await buffer(client)).length, sent)
    await closed
  })
}
