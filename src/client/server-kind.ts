/** Which program a server is: refdepot has more than refgenieserver, whose API v3 both have. */
import { RemoteFailed } from '../domain/transfer-errors.ts'
import {
  mayPass,
  type Network,
  type NetworkAnswer,
  type NetworkRequest,
  refusalOf,
  shown,
} from '../transfer/network.ts'
import { failureOf } from '../transfer/network-failure.ts'
import { pauseBefore } from '../transfer/pauses.ts'

/** What a server is. */
export type ServerKind = 'refdepot' | 'refgenieserver'

// Whoever cannot be reached at all is given up soon: an address may be mistyped, and another server may be named.
const MOST_ATTEMPTS = 3

/**
 * Finds out what a server is.
 *
 * @param server - its address, without a slash at the end
 * @throws RemoteFailed when it cannot be reached, or is neither
 */
export async function kindOf(
  server: string,
  network: Network,
  signal?: AbortSignal,
): Promise<ServerKind> {
  const order = { headers: { accept: 'application/json' }, ...(signal !== undefined && { signal }) }
  const about = await ask(network, `${server}/service-info`, order)
  if (isDepot(about)) return 'refdepot'
  const genomes = await ask(network, `${server}/v3/genomes/list`, order)
  if (Array.isArray(genomes)) return 'refgenieserver'
  throw new RemoteFailed(
    'answer',
    `${server} is no refdepot and no refgenieserver: it has no list of genomes at /v3/genomes/list`,
  )
}

/** The answer as JSON; undefined when there is none or it is something else. */
async function ask(network: Network, url: string, order: NetworkRequest): Promise<unknown> {
  const text = await soon(network, order.signal, async () => {
    const answer = await network.request(url, order)
    if (answer.status === 200) return readText(answer)
    const refusal = await refusalOf(answer)
    // Other programs answer 404, 405 and whatever they like to what they do not know.
    if (refusal.fault === 'not-found' || refusal.fault === 'answer') return ''
    throw refusal
  })
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function soon<T>(
  network: Network,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const most = Math.min(MOST_ATTEMPTS - 1, network.retries)
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= most || !mayPass(error)) throw error
      await pauseBefore(attempt, network.pauseMs, error, signal)
    }
  }
}

// A list of genomes has less.
const MOST_TEXT = 16 * 1024 * 1024

async function readText({ body, url }: NetworkAnswer): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > MOST_TEXT) return ''
      chunks.push(chunk)
    }
  } catch (error) {
    throw failureOf(shown(url), error, 'broken-off')
  }
  return Buffer.concat(chunks).toString('utf8')
}

function isDepot(about: unknown): boolean {
  const { id } = (about ?? {}) as { id?: unknown }
  return typeof id === 'string' && id.startsWith('org.refdepot.')
}
