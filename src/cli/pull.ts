/** `refdepot pull`: fetches assets from servers into a genome folder or a plain one. */
import { openTarget } from '../client/open-target.ts'
import { type PullOptions, pullAssets } from '../client/pull.ts'
import type { PullSummary } from '../client/pull-events.ts'
import { pullFiles } from '../client/pull-files.ts'
import { RemoteCatalogue } from '../client/remote-catalogue.ts'
import { findWanted, type PullItem } from '../client/wanted.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { UsageInvalid } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { readManifest } from './manifest-source.ts'
import {
  type NetworkFlags,
  networkOf,
  numberOf,
  serverAddress,
  serversOf,
} from './network-flags.ts'
import { type PlaceFlags, type PulledPlace, placeOf } from './pull-place.ts'
import { type PullView, pullView } from './pull-view.ts'
import { untilStopped } from './until-stopped.ts'

/** Flags of `pull`. */
export interface PullFlags extends NetworkFlags, PlaceFlags {
  readonly mirror?: readonly string[]
  readonly race?: boolean
  readonly manifest?: string
  readonly genome?: readonly string[]
  readonly asset?: readonly string[]
  readonly only?: readonly string[]
  readonly archive?: boolean
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly jobs?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

const MOST_JOBS = 64

/** Pulls what the names and flags ask for. */
export async function runPull(names: readonly string[], given: PullFlags): Promise<number> {
  const flags = withClientSettings(given, process.env)
  const view = pullView({ json: flags.json === true, quiet: flags.quiet === true })
  const jobs = numberOf('--jobs', flags.jobs, 1, MOST_JOBS)
  mustFit(flags)
  const place = await placeOf(flags, process.env)
  const { servers, mirrors } = serversFor(flags, place)
  const note = (message: string) => view.onEvent({ event: 'note', message })
  const network = await networkOf(flags, process.env, note)
  try {
    return await untilStopped(async signal => {
      network.endWith(signal)
      const catalogue = new RemoteCatalogue({ network, servers, mirrors, note })
      const items = await wantedItems(names, flags, { catalogue, network, servers, view })
      const options = {
        network,
        folder: place.folder,
        signal,
        onEvent: view.onEvent,
        ...(jobs !== undefined && { jobs }),
        ...(flags.race !== undefined && { race: flags.race }),
        ...(flags.force !== undefined && { force: flags.force }),
        ...(flags.dryRun !== undefined && { dryRun: flags.dryRun }),
      }
      const summary = await pulled(
        items,
        { ...options, archive: flags.archive === true },
        place,
        servers,
      )
      view.end(summary)
      return exitCodeOfAll(summary)
    })
  } finally {
    view.close()
    await network.close()
  }
}

/** The exit code of work on several things: 6 when some of them failed, the code of the first when all did. */
export function exitCodeOfAll({ done, failed }: PullSummary): number {
  const [first] = failed
  if (first === undefined) return EXIT.ok
  return done.length === 0 ? exitCodeOf(first.error) : EXIT.partial
}

function mustFit({ only, archive }: PullFlags): void {
  if (only !== undefined && archive === true) {
    throw new SettingInvalid('--only', only.join(' '), 'either --only or --archive')
  }
}

function serversFor(flags: PullFlags, place: PulledPlace) {
  const named = serversOf(flags, process.env)
  const mirrors = (flags.mirror ?? []).map(url => serverAddress('--mirror', url))
  return { servers: named.length > 0 ? named : place.servers, mirrors }
}

interface Sources {
  readonly catalogue: RemoteCatalogue
  readonly network: Network
  readonly servers: readonly string[]
  readonly view: PullView
}

async function wantedItems(
  names: readonly string[],
  flags: PullFlags,
  { catalogue, network, servers, view }: Sources,
): Promise<PullItem[]> {
  const { manifest, genome, asset, only } = flags
  const rows = manifest === undefined ? [] : await readManifest(manifest, { network, servers })
  const request = {
    names,
    rows,
    ...(genome && { genomes: genome }),
    ...(asset && { assets: asset }),
  }
  const items = await findWanted(catalogue, request, (done, total) =>
    view.onEvent({ event: 'looked-up', done, total }),
  )
  return only === undefined ? items : items.map(item => ({ ...item, only }))
}

async function pulled(
  items: readonly PullItem[],
  options: Omit<PullOptions, 'target'>,
  { place }: PulledPlace,
  servers: readonly string[],
): Promise<PullSummary> {
  const files = items.filter(({ only }) => only !== undefined)
  if (files.length === 0) {
    const { archive = false, force = false, signal, onEvent } = options
    const target = await openTarget(place, {
      archive,
      force,
      servers,
      ...(signal && { signal }),
      onWaiting: ({ registryPath }, { host, pid }) =>
        onEvent?.({
          event: 'note',
          message: `process ${pid} on ${host} fetches ${registryPath} already; waiting for it`,
        }),
    })
    return pullAssets(items, { ...options, target })
  }
  if (files.length < items.length) {
    throw new UsageInvalid(
      'single files and whole assets cannot be pulled at once; pull them one after the other',
    )
  }
  if (place.config !== undefined || place.layout === 'refgenie') {
    throw new UsageInvalid(
      'a genome folder holds whole assets; give another folder for single files with -o DIR --layout flat',
    )
  }
  return pullFiles(items, options)
}
