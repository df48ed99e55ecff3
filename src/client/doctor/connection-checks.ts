/** The way to a server: its name, proxies, encryption, whether anybody answers, what its clock says. */
import { lookup } from 'node:dns/promises'
import { RemoteFailed, type RemoteFault } from '../../domain/transfer-errors.ts'
import { shown } from '../../transfer/network-answer.ts'
import { failureOf } from '../../transfer/network-failure.ts'
import { certificateChecks } from './certificate-checks.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES, type Fix } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'
import { type ProxyInTheWay, proxyFor } from './proxy-in-the-way.ts'

// Signed links and tokens are compared by the second; caches forgive minutes.
const SKEW_WARN_S = 60
const SKEW_FAIL_S = 300

/** What the way is examined with. */
export interface WayQuestion {
  readonly address: URL
  readonly probe: Probe
  readonly env: NodeJS.ProcessEnv
  readonly caFiles: readonly string[]
}

/** The findings, and the answer of the server; undefined when there is none, so that nothing else can be asked. */
export async function connectionChecks(
  question: WayQuestion,
): Promise<{ findings: Finding[]; answer?: Seen }> {
  const { address, probe, env, caFiles } = question
  const proxy = proxyFor(address, env)
  const findings = [proxy === undefined ? await nameCheck(address) : throughProxy(proxy)]
  if (address.protocol === 'https:') {
    const more = proxy === undefined ? {} : { proxy }
    const tls = certificateChecks({ address, caFiles, ...more })
    findings.push(...(await tls.catch(error => [connectionFault('tls', address.href, error)])))
  }
  const began = Date.now()
  try {
    // The server itself, not where it may lead to.
    const order = { headers: { range: 'bytes=0-0' }, follow: false }
    const answer = await probe.ask(address.href, order)
    findings.push(serverCheck(answer, began), viaCheck(answer), clockCheck(answer, began))
    return { findings, answer }
  } catch (error) {
    findings.push(connectionFault('server', address.href, error))
    return { findings }
  }
}

async function nameCheck({ hostname }: URL): Promise<Finding> {
  try {
    const found = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true })
    const addresses = found.map(({ address }) => address).join(', ')
    return ok('name', `${hostname} is ${addresses}`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return fail('name', `${hostname} cannot be looked up (${code})`, FIXES.name)
  }
}

function throughProxy({ variable, url }: ProxyInTheWay): Finding {
  return ok('name', `looked up by the proxy ${url.host} of $${variable}`)
}

/** What failed on the way, as a finding with the fix for it. */
export function connectionFault(check: string, url: string, error: unknown): Finding {
  const failure = error instanceof RemoteFailed ? error : failureOf(shown(url), error)
  const message = failure.message.replace(/\s+/g, ' ')
  // OpenSSL's words for an answer that is no TLS at all.
  if (/wrong.version.number/i.test(message)) {
    return fail(check, `${shown(url)} does not speak TLS on this port`, FIXES.noTls)
  }
  if (message.includes('from https to http')) return fail(check, message, FIXES.downgrade)
  const fixes: Partial<Record<RemoteFault, Fix>> = {
    dns: FIXES.name,
    tls: FIXES.trust,
    proxy: FIXES.proxy,
  }
  return fail(check, message, fixes[failure.fault] ?? FIXES.connect)
}

function serverCheck({ status, headers, at }: Seen, began: number): Finding {
  const { server = 'it does not say what it is' } = headers
  const evidence = `answers ${status} after ${at - began} ms: ${server}`
  return status >= 500 ? warn('server', evidence, FIXES.failing) : ok('server', evidence)
}

function viaCheck({ headers }: Seen): Finding {
  const signs = ['via', 'x-cache', 'cf-ray', 'x-varnish'].filter(name => headers[name])
  if (signs.length === 0) return ok('proxy', 'none that shows itself')
  const [first = ''] = signs
  return warn('proxy', `${first}: ${headers[first]}`, FIXES.via)
}

/** The clock of the server against ours; half of the way back is taken off. */
function clockCheck({ headers, at }: Seen, began: number): Finding {
  const date = Date.parse(headers.date ?? '')
  if (Number.isNaN(date)) return warn('clock', 'the answer has no Date', FIXES.date)
  // Date has whole seconds: half a second is the best guess of the rest.
  // A cache tells how long it has kept the answer.
  const kept = Number(headers.age ?? 0) * 1000 || 0
  const skew = Math.round((date + kept + 500 - (began + at) / 2) / 1000)
  const evidence = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(skew) > SKEW_FAIL_S) return fail('clock', evidence, FIXES.clock)
  return Math.abs(skew) > SKEW_WARN_S ? warn('clock', evidence, FIXES.clock) : ok('clock', evidence)
}
