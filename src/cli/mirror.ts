/** `refdepot mirror`: keeps an archive folder that has what another server has. */
import { type MirrorEvent, type MirrorSummary, mirrorServer } from '../client/mirror.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { formatSize } from '../domain/human-size.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { type NetworkFlags, numberOf, serverAddress } from './network-flags.ts'
import { untilStopped } from './until-stopped.ts'
import { withNetwork } from './with-network.ts'

/** Flags of `mirror`. */
export interface MirrorFlags extends Omit<NetworkFlags, 'server'> {
  readonly from: string
  readonly output: string
  readonly genome?: string
  readonly asset?: string
  readonly delete?: boolean
  readonly includeRestricted?: boolean
  readonly jobs?: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** Mirrors a server. */
export async function runMirror(given: MirrorFlags): Promise<number> {
  const server = serverAddress('--from', given.from)
  const flags = withClientSettings({ ...given, server: [server] }, process.env)
  if (flags.output === '') throw new SettingInvalid('--output', '', 'a folder')
  const jobs = numberOf('--jobs', flags.jobs, 1, 64)
  return withNetwork(flags, network =>
    untilStopped(async signal => {
      network.endWith(signal)
      const summary = await mirrorServer(server, flags.output, {
        transfer: { network, signal, ...(jobs !== undefined && { jobs }) },
        ...(flags.genome !== undefined && { genome: flags.genome }),
        ...(flags.asset !== undefined && { asset: flags.asset }),
        includeRestricted: flags.includeRestricted === true,
        deletes: flags.delete === true,
        onEvent: eventTeller(flags),
      })
      tellSummary(flags, summary)
      return exitOf(summary)
    }),
  )
}

/** Something failed and something did not: 6. Nothing did not: what the first failure ends in. */
function exitOf({ failures, fetched, current }: MirrorSummary): number {
  if (failures.length === 0) return EXIT.ok
  return fetched + current > 0 ? EXIT.partial : exitCodeOf(failures[0])
}

const NOTES: Partial<Record<MirrorEvent['event'], string>> = {
  restricted: ' must not be passed on (redistribute: no); --include-restricted takes it',
  vanished: ' is not there any more, and stays here; --delete removes it',
}

function eventTeller({ json, quiet }: MirrorFlags): (event: MirrorEvent) => void {
  return event => {
    if (event.event === 'failed') {
      const error = event.error.message
      if (json === true) say({ ...event, error })
      process.stderr.write(`failed    ${event.registryPath}: ${error}\n`)
    } else if (json === true) {
      say(event)
    } else if (quiet !== true && event.event !== 'current') {
      const note = NOTES[event.event] ?? (event.bytes > 0 ? ` (${formatSize(event.bytes)})` : '')
      process.stdout.write(`${event.event.padEnd(10)}${event.registryPath}${note}\n`)
    }
  }
}

function tellSummary({ json, quiet }: MirrorFlags, summary: MirrorSummary): void {
  const { failures, ...counts } = summary
  if (json === true) {
    say({ event: 'summary', ...counts, failed: failures.length })
    return
  }
  if (quiet === true) return
  const { fetched, current, restricted, vanished, removed, received } = summary
  const parts = [
    `${fetched} fetched (${formatSize(received)})`,
    `${current} there already`,
    ...(restricted > 0 ? [`${restricted} restricted`] : []),
    ...(vanished > 0 ? [`${vanished} vanished there`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(failures.length > 0 ? [`${failures.length} failed`] : []),
  ]
  process.stdout.write(`${parts.join(', ')}\n`)
}

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
