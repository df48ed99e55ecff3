/** From settings to what hands files over to the front proxy, and what hears from it. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import { SettingInvalid } from '../config/config-error.ts'
import { listOf, type SettingValues } from '../config/settings.ts'
import type { HandOff } from '../http/access/hand-off.ts'
import { ProxyTransfers } from '../http/access/proxy-transfers.ts'
import { trustedProxies } from '../http/trusted-proxies.ts'
import { FileStore } from '../storage/file-store.ts'
import type { Store } from '../storage/store.ts'

/** What hands over, and what ends the listening for reports. */
export interface ServedHandOff {
  /** Undefined when every byte passes through the server. */
  readonly handOff: HandOff | undefined
  stop(): void
}

const DEFAULT_PREFIX = '/_refdepot'
// Reports come in bursts when many small downloads end; the kernel cuts it to what it allows.
const RECEIVE_BYTES = 4 * 1024 * 1024

/**
 * What hands files over; it listens for reports at once.
 *
 * @throws SettingInvalid when no proxy is trusted, when archives do not lie in a folder, or when the address of reports cannot be had
 */
export async function serveHandOff(
  values: SettingValues,
  store: Store,
  logger: Logger,
): Promise<ServedHandOff> {
  const { sendfile } = values
  if (sendfile === '') return { handOff: undefined, stop: () => {} }
  const trusts = trustedProxies(listOf(values['trust-proxy']))
  if (trusts === false) {
    throw new SettingInvalid('--sendfile', sendfile, 'the proxy that gets the files: --trust-proxy')
  }
  if (!(store instanceof FileStore)) {
    const wanted = 'archives in a folder: those of an object store or a cache cannot be handed over'
    throw new SettingInvalid('--sendfile', sendfile, wanted)
  }
  const [header, prefix = DEFAULT_PREFIX] = sendfile.split('=')
  if (header === 'x-sendfile' && values['sendfile-report'] !== '') {
    const wanted = 'no address: only nginx reports (--sendfile x-accel-redirect)'
    throw new SettingInvalid('--sendfile-report', values['sendfile-report'], wanted)
  }
  const reports = await reportsFor(values['sendfile-report'], logger)
  const handOff: HandOff = {
    header: header as HandOff['header'],
    prefix,
    root: await realpath(store.root),
    trusts,
    ...(reports && { transfers: reports.transfers }),
  }
  return { handOff, stop: () => reports?.stop() }
}

async function reportsFor(address: string, logger: Logger) {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? []
  if (port === undefined) return undefined
  const transfers = new ProxyTransfers(() =>
    logger.warn(
      { address },
      'the front proxy reports nothing of what it sends, so that is not counted; see docs/performance.md',
    ),
  )
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: RECEIVE_BYTES,
  })
  socket.on('message', message => transfers.report(message.toString('latin1')))
  try {
    socket.bind({ port: Number(port), address: host, exclusive: true })
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    transfers.close()
    const reason = error instanceof Error ? error.message : String(error)
    throw new SettingInvalid('--sendfile-report', address, `an address that is free (${reason})`)
  }
  socket.on('error', error => logger.error({ err: error }, 'reports of the proxy cannot be read'))
  return { transfers, stop: () => socket.close() }
}
