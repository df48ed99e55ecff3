/** A command that asks servers: its network is open while it works, and closed afterwards. */
import { RemoteCatalogue } from '../client/remote-catalogue.ts'
import type { Network } from '../transfer/network.ts'
import { withClientSettings } from './client-defaults.ts'
import { type NetworkFlags, networkOf, serversOf } from './network-flags.ts'
import { toStderr } from './output-lines.ts'

/**
 * Works with the network and the servers of flags, client settings and environment, in this order of weight. The token goes to the first server of
 * `--server` or `$REFDEPOT_SERVER`; those that a lock or config names never get it.
 *
 * @throws SettingInvalid, PullRefused, and what the work throws
 */
export async function withNetwork<T>(
  flags: NetworkFlags,
  work: (network: Network, servers: readonly string[]) => Promise<T>,
): Promise<T> {
  const filled = withClientSettings(flags, process.env)
  const network = await networkOf(filled, process.env)
  try {
    return await work(network, serversOf(filled, process.env))
  } finally {
    await network.close()
  }
}

/** As {@link withNetwork}, with what the servers have. */
export function withCatalogue<T>(
  flags: NetworkFlags,
  work: (catalogue: RemoteCatalogue, network: Network) => Promise<T>,
): Promise<T> {
  return withNetwork(flags, (network, servers) =>
    work(new RemoteCatalogue({ network, servers, note: toStderr }), network),
  )
}
