/** What lies in the buffers of the kernel between a server and its clients on this machine: on loopback that can be many megabytes for a connection. */
import { readFileSync } from 'node:fs'

const TABLE = '/proc/net/tcp'
const LISTENS = '0A'

/** Bytes that servers at ports have sent and their clients have not read. Source of the columns: proc_net_tcp.txt of Linux. */
export function unreadBytes(ports: readonly number[]): number {
  const rows = readFileSync(TABLE, 'utf8').trim().split('\n').slice(1)
  return rows.reduce((sum, row) => {
    const [, local = '', remote = '', state, queues = ''] = row.trim().split(/\s+/)
    const [unsent, unread] = queues.split(':').map(hex => Number.parseInt(hex, 16))
    if (state === LISTENS) return sum
    if (ports.includes(portOf(local))) return sum + (unsent ?? 0)
    return ports.includes(portOf(remote)) ? sum + (unread ?? 0) : sum
  }, 0)
}

const portOf = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16)
