/** Which program a server is: refdepot has more than refgenieserver, whose API v3 both have. */
import { RemoteFailed, type RemoteFault } from '../domain/transfer-errors.ts'
import type { Network, NetworkRequest } from '../transfer/network.ts'
import { contentOf, refusalOf } from '../transfer/network-answer.ts'

/** What a server is. */
export type ServerKind = 'refdepot' | 'refgenieserver'

// Whoever cannot be reached at all is given up soon: an address may be mistyped, and another server may be named.
const MOST_RETRIES = 3
// A list of genomes has less.
const MOST_TEXT = 16 * 1024 * 1024
const OTHERS: readonly RemoteFault[] = ['not-found', 'answer']

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
  const text = await network.again(() => textOf(network, url, order), order.signal, MOST_RETRIES)
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What is answered; empty when it is something that other programs answer. */
async function textOf(network: Network, url: string, order: NetworkRequest): Promise<string> {
  const answer = await network.request(url, order)
  try {
    if (answer.status !== 200) throw await refusalOf(answer)
    return String(await contentOf(answer, MOST_TEXT, order.signal))
  } catch (error) {
    // Other programs answer 404, 405 and whatever they like, and as much as they like, to what they do not know.
    const isAnswer = error instanceof RemoteFailed && error.cause === undefined
    if (isAnswer && OTHERS.includes(error.fault)) return ''
    throw error
  }
}

function isDepot(about: unknown): boolean {
  const { id } = (about ?? {}) as { id?: unknown }
  return typeof id === 'string' && id.startsWith('org.refdepot.')
}
