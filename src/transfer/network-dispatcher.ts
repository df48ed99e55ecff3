/** Connections of a network: time limits, proxies of the environment, private certificate authorities. */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { PullRefused } from '../domain/transfer-errors.ts'

/** How connections are made. */
export interface DispatcherOptions {
  /** Files with certificates (PEM) that count beside those of the system. */
  readonly caFiles?: readonly string[]
  /** Milliseconds for a connection. Default 20,000. */
  readonly connectMs?: number
  /** Milliseconds until an answer begins. Default 60,000. */
  readonly answerMs?: number
  /** A download slower than this is begun anew. Default 1 KiB/s over 30 s. */
  readonly stall?: { readonly bytesPerSecond: number; readonly seconds: number }
}

/**
 * What sends requests as the options and the environment say.
 *
 * @throws PullRefused when a file of certificates cannot be read
 */
export function dispatcherOf(options: DispatcherOptions): Dispatcher {
  const ca = (options.caFiles ?? []).map(certificatesIn)
  const { connectMs = 20_000, answerMs = 60_000, stall } = options
  const limits = {
    headersTimeout: answerMs,
    // Slow bytes are watched by whoever reads them; this finds those that never come.
    bodyTimeout: (stall?.seconds ?? 30) * 1000,
    connect: { timeout: connectMs, ...(ca.length > 0 && { ca: [...rootCertificates, ...ca] }) },
    allowH2: false,
  }
  return hasProxy(process.env)
    ? new EnvHttpProxyAgent({
        ...limits,
        requestTls: limits.connect,
        proxyTls: limits.connect,
        proxyTunnel: false,
      })
    : new Agent(limits)
}

/** True when the environment names a proxy: the agent that asks it costs every request a look. */
function hasProxy(env: NodeJS.ProcessEnv): boolean {
  return ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].some(
    name => (env[name] ?? '') !== '',
  )
}

function certificatesIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = `the certificates in ${path} cannot be read: ${(error as Error).message}`
    throw new PullRefused(reason)
  }
}
