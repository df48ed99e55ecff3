/** Tells failures of the network apart: names, connections, certificates, proxies, silence. */
import { RemoteFailed, type RemoteFault } from '../domain/transfer-errors.ts'

const BY_CODE: Readonly<Record<string, RemoteFault>> = {
  ENOTFOUND: 'dns',
  // A name server that does not answer now: it may later.
  EAI_AGAIN: 'connect',
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'broken-off',
  EPIPE: 'broken-off',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'stalled',
  UND_ERR_SOCKET: 'broken-off',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'broken-off',
  UND_ERR_PRX_TLS: 'proxy',
}

const ADVICE: Readonly<Record<RemoteFault, string>> = {
  dns: 'its name cannot be looked up; check the address and the network',
  connect: 'nothing answers there; check the address, the port and whether a proxy is needed',
  tls: 'its certificate is not trusted; a private authority is named by --ca-file or $SSL_CERT_FILE',
  proxy: 'the proxy refuses; check $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY',
  timeout: 'it does not answer in time',
  stalled: 'it stopped sending',
  'broken-off': 'the connection broke off',
  answer: 'its answer cannot be understood',
  'server-error': 'it failed',
  busy: 'it is busy',
  denied: 'it refuses',
  'not-found': 'it has none',
  gone: 'it is gone',
}

/**
 * A failure of the network as an error that tells what it was.
 *
 * @param place - the address without its query
 * @param fallback - the fault of what is not known otherwise
 */
export function failureOf(
  place: string,
  error: unknown,
  fallback: RemoteFault = 'connect',
): RemoteFailed {
  if (error instanceof RemoteFailed) return error
  const { code = '', message } = deepest(error)
  const fault = faultOf(code, message) ?? fallback
  const reason = code === '' || message.includes(code) ? message : `${code}: ${message}`
  return new RemoteFailed(fault, `cannot read ${place}: ${ADVICE[fault]} (${reason})`, {
    cause: error,
  })
}

function faultOf(code: string, message: string): RemoteFault | undefined {
  if (/^(?:HPE_|UND_ERR_REQ_|UND_ERR_RESPONSE)/.test(code)) return 'answer'
  if (/proxy response|Proxy/i.test(message)) return 'proxy'
  if (/^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)) return 'tls'
  if (code === 'EPROTO' || /certificate|SSL routines|tls/i.test(message)) return 'tls'
  return BY_CODE[code]
}

/** The innermost error: what fetch and proxies wrap says little. */
function deepest(error: unknown): { code?: string; message: string } {
  let at = error as { code?: string; message?: string; cause?: unknown; errors?: unknown[] }
  for (let depth = 0; depth < 5; depth += 1) {
    const inner = at.cause ?? at.errors?.[0]
    if (inner === undefined || inner === null || typeof inner !== 'object') break
    at = inner as typeof at
  }
  const { code, message = String(error) } = at
  return {
    ...(typeof code === 'string' && { code }),
    message: message || code || 'no reason given',
  }
}
