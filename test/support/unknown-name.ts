/** A name that no name server knows, whatever the machine is told by its own, or whether it has one. */
import dns, { type LookupOptions } from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import type { Test } from 'tap'

/** Lets the look-up of a host fail as one that a name server has answered does, until the test ends; other names are looked up as before. */
export function unknownName(t: Test, host: string): void {
  const { lookup } = dns
  const { lookup: promised } = dns.promises
  const failure = () =>
    Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
      code: 'ENOTFOUND',
      errno: -3008,
      syscall: 'getaddrinfo',
      hostname: host,
    })
  dns.lookup = ((name: string, options: LookupOptions, told: (error: Error | null) => void) => {
    if (name === host) process.nextTick(told, failure())
    else lookup(name, options, told)
  }) as typeof lookup
  dns.promises.lookup = (async (name: string, options: LookupOptions) => {
    if (name === host) throw failure()
    return promised(name, options)
  }) as typeof promised
  syncBuiltinESMExports()
  t.teardown(() => {
    dns.lookup = lookup
    dns.promises.lookup = promised
    syncBuiltinESMExports()
  })
}
