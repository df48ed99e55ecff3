/**
 * A proxy before a real server that does to its answers what networks, stores and mirrors do. What it does follows from a seed; what it counts is
 * what really happened to a client that was there.
 */
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  CONVERSATION_FAULTS,
  drawFault,
  FAULT_KINDS,
  type FaultDraw,
  type FaultKind,
  type FaultOdds,
} from './fault-kinds.ts'
import { hasEnd, PLAYS, passOn, type Scene, withholdEnd } from './faulty-answer.ts'
import { SignedLinks } from './signed-links.ts'
import { unreadBytes } from './unread-bytes.ts'
import { Wire } from './wire.ts'

/** What the proxy does. */
export interface FaultProxyOptions extends Omit<FaultOdds, 'kinds'> {
  /** Address of the real server. */
  readonly origin: string
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** Paths of files: faults of bodies are meant only there. Default: all. */
  readonly files?: RegExp
  /** True: files lie behind redirects to signed addresses at another port, which may expire. */
  readonly redirects?: boolean
  /** Requests that meet a fault at most; whoever comes then is served as by the server itself. Default: no limit. */
  readonly most?: number
  /** Milliseconds that it is silent at most; default 3,000. */
  readonly holdMs?: number
}

/** A request as the proxy saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  /** True when it went to a signed address. */
  readonly linked: boolean
  /** True when it came with credentials. */
  readonly authorized: boolean
  /** What was meant for it. */
  meant: FaultKind | undefined
  /** True when that was felt. */
  fired: boolean
  /** Bytes of the body that left. */
  sent: number
}

// A link that expires counts for none to three requests.
const MOST_USES = 4

/** See the head of this file. */
export class FaultProxy {
  /** Requests in the order in which they ended. */
  readonly seen: SeenRequest[] = []
  /** Bytes of bodies that left until now. */
  sent = 0
  /** While true the last byte of a file does not leave, so that a download can be killed before its end for certain. */
  withholdsEnd = false
  readonly #options: FaultProxyOptions
  readonly #times = new Map<string, number>()
  readonly #links = new SignedLinks()
  #drawn = 0
  readonly #agent = new Agent({ keepAlive: true })
  readonly #servers = [this.#server(), this.#server()] as const

  constructor(options: FaultProxyOptions) {
    this.#options = options
  }

  /** Starts it until the end of a test. */
  static async start(t: Test, options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    await proxy.listen()
    t.teardown(() => proxy.close())
    return proxy
  }

  async listen(): Promise<void> {
    const ready = this.#servers.map(
      server => new Promise<void>(done => server.listen(0, '127.0.0.1', done)),
    )
    await Promise.all(ready)
  }

  /** Closes it with all connections. */
  async close(): Promise<void> {
    this.#agent.destroy()
    const closed = this.#servers.map(
      server =>
        new Promise<void>(done => {
          server.close(() => done())
          server.closeAllConnections()
        }),
    )
    await Promise.all(closed)
  }

  /** Address without a slash at its end. */
  get url(): string {
    return this.#urlOf(0)
  }

  /** How many faults of each kind were felt. */
  get fired(): ReadonlyMap<FaultKind, number> {
    const counts = new Map<FaultKind, number>()
    for (const { meant, fired } of this.seen) {
      if (fired && meant !== undefined) counts.set(meant, (counts.get(meant) ?? 0) + 1)
    }
    return counts
  }

  #server(): Server {
    return createServer((incoming, outgoing) => void this.#answer(incoming, outgoing))
  }

  /** Bytes until now that clients have read: less than what left. */
  get read(): number {
    return this.sent - unreadBytes([this.#portOf(0), this.#portOf(1)])
  }

  #portOf(server: 0 | 1): number {
    return (this.#servers[server].address() as AddressInfo).port
  }

  #urlOf(server: 0 | 1): string {
    return `http://127.0.0.1:${this.#portOf(server)}`
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming
    const wire = new Wire(outgoing, bytes => {
      this.sent += bytes
    })
    const link = this.#links.use(url)
    const seen: SeenRequest = {
      method,
      path: link?.path ?? url,
      range: headers.range,
      linked: link !== undefined,
      authorized: headers.authorization !== undefined,
      meant: undefined,
      fired: false,
      sent: 0,
    }
    try {
      if (link?.counts === false) await refuseLink(wire, seen)
      else await this.#play(incoming, wire, seen)
    } catch {
      wire.cut()
    }
    seen.sent = wire.sent
    this.seen.push(seen)
  }

  async #play(incoming: IncomingMessage, wire: Wire, seen: SeenRequest): Promise<void> {
    const { files, redirects = false, holdMs = 3000 } = this.#options
    const isFile = seen.method === 'GET' && files?.test(seen.path) !== false
    const leads = isFile && redirects && !seen.linked
    const draw = this.#draw(seen, isFile, leads)
    if (leads && (draw === undefined || draw.kind === 'expired-link')) {
      const uses = draw === undefined ? Number.POSITIVE_INFINITY : draw.random(MOST_USES)
      wire.head(307, {
        location: this.#urlOf(1) + this.#links.make(seen.path, uses),
        'content-length': 0,
      })
      await wire.end()
      return
    }
    const ask = (headers = incoming.headers) => this.#ask(incoming, seen.path, headers)
    if (draw === undefined || draw.kind === 'expired-link') {
      const answer = await ask()
      if (isFile && this.withholdsEnd && hasEnd(answer)) return withholdEnd(answer, wire)
      return passOn(answer, wire)
    }
    seen.meant = draw.kind
    const scene: Scene = { headers: incoming.headers, wire, draw, holdMs, ask }
    seen.fired = await PLAYS[draw.kind](scene)
  }

  /** The fault that is meant for a request, of those that it can meet. */
  #draw(seen: SeenRequest, isFile: boolean, leads: boolean): FaultDraw | undefined {
    const { kinds = FAULT_KINDS, most = Number.POSITIVE_INFINITY, ...odds } = this.#options
    const possible = kinds.filter(kind => {
      if (kind === 'expired-link') return leads
      return (isFile && !leads) || CONVERSATION_FAULTS.some(other => other === kind)
    })
    const key = `${seen.linked} ${seen.method} ${seen.path} ${seen.range ?? ''}`
    const times = this.#times.get(key) ?? 0
    this.#times.set(key, times + 1)
    const draw = drawFault({ ...odds, kinds: possible }, key, times)
    if (draw === undefined || this.#drawn >= most) return undefined
    this.#drawn += 1
    return draw
  }

  #ask(
    incoming: IncomingMessage,
    path: string,
    headers: IncomingHttpHeaders,
  ): Promise<IncomingMessage> {
    const { hostname, port } = new URL(this.#options.origin)
    const { method } = incoming
    return new Promise((done, failed) => {
      const sent = request({ agent: this.#agent, hostname, port, method, path, headers }, done)
      sent.on('error', failed)
      if (method === 'GET' || method === 'HEAD') sent.end()
      else incoming.pipe(sent)
    })
  }
}

/** Says that a link has expired, as S3 does. */
async function refuseLink(wire: Wire, seen: SeenRequest): Promise<void> {
  const text = Buffer.from(
    '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
  )
  wire.head(403, { 'content-type': 'application/xml', 'content-length': text.length })
  await wire.write(text)
  seen.meant = 'expired-link'
  seen.fired = await wire.end()
}
