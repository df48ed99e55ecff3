/** Which proxies are believed: what they say of their clients counts, and files may be handed over to them. */
import proxyAddr from '@fastify/proxy-addr'

/** True for the address of a proxy that is believed. `hop` is 0 for the connection itself, where nobody has an address on a unix socket. */
export type TrustsProxy = (address: string | undefined, hop: number) => boolean

/** Whose X-Forwarded headers are believed. Who comes by a unix socket has no address: with any proxy trusted, it is the proxy. */
export function trustedProxies(proxies: readonly string[]): TrustsProxy | false {
  if (proxies.length === 0) return false
  const trusted = proxyAddr.compile([...proxies])
  return (address, hop) => (address === undefined ? hop === 0 : trusted(address, hop))
}
