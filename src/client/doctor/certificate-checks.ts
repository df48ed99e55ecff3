/** What a server shows of itself when a connection is encrypted: its certificate, how long it holds, whether its chain is whole. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect, rootCertificates, type TLSSocket } from 'node:tls'
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { ProxyInTheWay } from './proxy-in-the-way.ts'

const WAIT_MS = 15_000
const DAY_MS = 24 * 60 * 60 * 1000
// Certificates of Let's Encrypt are renewed 30 days before they end; one that has less than two weeks was forgotten.
const SHORT_DAYS = 14

/** How the certificate is asked for. */
export interface CertificateQuestion {
  readonly address: URL
  /** Goes through this proxy. */
  readonly proxy?: ProxyInTheWay
  readonly caFiles: readonly string[]
}

/** The findings of an https address: `tls` and `certificate-expiry`. Throws what the connection throws. */
export async function certificateChecks(question: CertificateQuestion): Promise<Finding[]> {
  const socket = await encrypted(question)
  try {
    const { subject, issuer, valid_to: until } = socket.getPeerCertificate()
    // Names of several hosts are a list; the first one tells enough.
    const owner = [subject?.CN ?? '(no name)'].flat()[0]
    const by = [issuer?.O ?? issuer?.CN ?? '(nobody)'].flat()[0]
    const shown = `${socket.getProtocol()}, certificate of ${owner} by ${by}`
    const trust = socket.authorized
      ? ok('tls', shown)
      : fail('tls', `${shown}: ${reasonOf(socket.authorizationError)}`, FIXES.trust)
    return [trust, expiry(until, Date.now())]
  } finally {
    socket.destroy()
  }
}

/** How long a certificate holds. Exported for its limits. */
export function expiry(until: string, now: number): Finding {
  const days = Math.floor((Date.parse(until) - now) / DAY_MS)
  const date = new Date(until).toISOString().slice(0, 10)
  if (days < 0) return fail('certificate-expiry', `ended on ${date}`, FIXES.expiry)
  const shown = `holds until ${date}, ${days} days`
  return days < SHORT_DAYS
    ? warn('certificate-expiry', shown, FIXES.expiry)
    : ok('certificate-expiry', shown)
}

/** Node.js gives a code where its types say Error. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error ? error.message : String(error)
  return code.startsWith('UNABLE_TO_')
    ? `${code}: the chain is not whole, or its authority is not known here`
    : code
}

async function encrypted({ address, proxy, caFiles }: CertificateQuestion): Promise<TLSSocket> {
  const { hostname } = address
  const port = Number(address.port || 443)
  const own = caFiles.map(path => readFileSync(path, 'utf8'))
  const below = proxy === undefined ? undefined : await tunnel(proxy.url, `${hostname}:${port}`)
  const socket = connect({
    ...(below === undefined ? { host: bare(hostname), port } : { socket: below }),
    // An address is no server name (RFC 6066 §3).
    ...(/^[\d.]+$|:/.test(hostname) ? {} : { servername: hostname }),
    ...(own.length > 0 && { ca: [...rootCertificates, ...own] }),
    // What is wrong with it is what we want to know.
    rejectUnauthorized: false,
  })
  socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('no answer to the TLS handshake')))
  await once(socket, 'secureConnect')
  return socket
}

async function tunnel(proxy: URL, path: string): Promise<Socket> {
  if (proxy.protocol === 'https:') throw new Error('a proxy behind https is not looked through')
  const user = decodeURIComponent(`${proxy.username}:${proxy.password}`)
  const sent = request({
    host: bare(proxy.hostname),
    port: Number(proxy.port || 80),
    method: 'CONNECT',
    path,
    headers: {
      host: path,
      ...(user !== ':' && {
        'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}`,
      }),
    },
    createConnection: connectPlain as never,
    timeout: WAIT_MS,
  })
  sent.end()
  const [answer, socket] = (await once(sent, 'connect')) as [{ statusCode?: number }, Socket]
  if (answer.statusCode === 200) return socket
  socket.destroy()
  throw new Error(`the proxy answers ${answer.statusCode} to CONNECT`)
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
