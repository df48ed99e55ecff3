/** Our server with a real nginx before it that sends the files; every answer can be compared with one of the same server without nginx. */
import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freeUdpPort } from '../free-port.ts'
import { type FrontProxy, sendfileProxy } from './front-proxy.ts'
import { run } from './run.ts'
import { startOurs } from './servers.ts'

/** What is asked. */
export interface Asked {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Everything of an answer that a client may rely on. */
export interface WholeAnswer {
  readonly status: number | undefined
  /** `name: value`, sorted; those of the connection and of the program that sent it are left out. */
  readonly headers: readonly string[]
  readonly bytes: number
  readonly sha256: string
}

/** Server and proxy. */
export interface HandedOver {
  /** Without nginx, and through it. */
  readonly direct: string
  readonly url: string
  readonly proxy: FrontProxy
  /** Both answers to a request, and whether the file came from nginx. */
  both(asked: Asked): Promise<{ direct: WholeAnswer; through: WholeAnswer; handed: boolean }>
  /** Makes a token with scopes. */
  token(name: string, ...scopes: string[]): Promise<string>
}

/** What may be different from a usual hand-off. */
export interface HandOffChanges {
  readonly flags?: readonly string[]
  /** False for a server that is told nothing of what nginx has sent. */
  readonly reporting?: boolean
  /** Folder that nginx sends from, when it is another one. */
  readonly nginxSends?: string
  readonly change?: (config: string) => string
}

// What belongs to the connection, and which program it is.
const OF_THE_CONNECTION = new Set(['connection', 'date', 'keep-alive', 'server'])
const PATIENCE_MS = 10_000

/** Asks for something; the path goes out as it is written. */
export function wholeAnswer(server: string, asked: Asked): Promise<WholeAnswer> {
  const { hostname, port } = new URL(server)
  const { path, method = 'GET', headers = {} } = asked
  return new Promise((done, failed) => {
    const options = { hostname, port, path, method, headers, agent: false }
    const sent = httpRequest(options, answer => {
      reduced(answer).then(done, failed)
    })
    sent.on('error', failed)
    sent.end()
  })
}

async function reduced(answer: IncomingMessage): Promise<WholeAnswer> {
  const body = Buffer.concat(await answer.toArray())
  const [, boundary = 'no boundary'] =
    /boundary=(\w+)/.exec(answer.headers['content-type'] ?? '') ?? []
  const hidden = body.length < 1e6 ? body.toString('latin1').replaceAll(boundary, '…') : body
  const headers: string[] = []
  const { rawHeaders } = answer
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = String(rawHeaders[i]).toLowerCase()
    if (!OF_THE_CONNECTION.has(name)) headers.push(`${name}: ${rawHeaders[i + 1]}`)
  }
  return {
    status: answer.statusCode,
    headers: headers.map(line => line.replace(boundary, '…')).sort(),
    bytes: body.length,
    sha256: createHash('sha256').update(hidden).digest('hex'),
  }
}

/** Starts both over a config; nginx sends what lies in the folder of the archives. */
export async function startHandedOver(
  t: Test,
  config: string,
  archives: string,
  {
    flags = [],
    reporting = true,
    nginxSends = archives,
    change = text => text,
  }: HandOffChanges = {},
): Promise<HandedOver> {
  const reports = await freeUdpPort()
  const direct = await startOurs(t, [
    ...['-c', config, '--archive-folder', archives, '--trust-proxy', 'loopback'],
    ...['--sendfile', 'x-accel-redirect=/_refdepot'],
    ...(reporting ? ['--sendfile-report', `127.0.0.1:${reports}`] : []),
    ...flags,
  ])
  const server = Number(new URL(direct).port)
  const proxy = await sendfileProxy(t, { server, reports, archives: nginxSends, change })
  const lines = async () =>
    (await proxy.log()).split('\n').filter(line => line.includes('refdepot='))
  return {
    direct,
    url: proxy.url,
    proxy,
    both: async asked => {
      const before = (await lines()).length
      const through = await wholeAnswer(proxy.url, asked)
      let after = await lines()
      for (const until = Date.now() + PATIENCE_MS; after.length === before; after = await lines()) {
        if (Date.now() > until) throw new Error('nginx has not logged the request')
        await wait(20)
      }
      // The order to send a file has this status.
      const handed = / 421$/.test(after.at(-1) ?? '')
      // The proxy names itself as the host that was asked.
      const host = new URL(proxy.url).host
      const headers = { host, ...asked.headers }
      return { direct: await wholeAnswer(direct, { ...asked, headers }), through, handed }
    },
    token: async (name, ...scopes) => {
      const args = ['token', 'create', '--name', name, '--scope', ...scopes, '-c', config]
      const made = await run(process.execPath, ['dist/cli/main.js', ...args])
      if (made.code !== 0) throw new Error(made.stderr)
      return made.stdout.trim()
    },
  }
}
