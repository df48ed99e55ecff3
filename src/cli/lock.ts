/** `refdepot lock`, `sync` and `outdated`: exactly the same assets again, and what there is instead by now. */
import { resolve } from 'node:path'
import { listLocal } from '../client/local-assets.ts'
import { LOCK_NAME, lockText, readLock } from '../client/lock-file.ts'
import { lockFolder, lockRemote } from '../client/make-lock.ts'
import { openTarget } from '../client/open-target.ts'
import { type ComparedAsset, compareAssets, type HeldAsset } from '../client/outdated.ts'
import { RemoteCatalogue } from '../client/remote-catalogue.ts'
import { syncLock } from '../client/sync-lock.ts'
import { findWanted } from '../client/wanted.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { readGenomeConfig } from '../config/genome-config.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT } from './exit-codes.ts'
import { type LocalFlags, localPlaceOf } from './local-place.ts'
import { type NetworkFlags, numberOf, serverAddress, serversOf } from './network-flags.ts'
import { toStderr } from './output-lines.ts'
import { exitCodeOfAll } from './pull.ts'
import { type PlaceFlags, placeOf } from './pull-place.ts'
import { pullView } from './pull-view.ts'
import { tableText } from './table.ts'
import { untilStopped } from './until-stopped.ts'
import { withNetwork } from './with-network.ts'

/** Flags of `lock`. */
export interface LockFlags extends NetworkFlags, LocalFlags {
  readonly file?: string
}

/** Writes down which archives names mean now, or which a folder has. */
export async function runLock(names: readonly string[], flags: LockFlags): Promise<number> {
  const text = names.length === 0 ? await lockedFolder(flags) : await lockedNames(names, flags)
  if (flags.file === undefined) process.stdout.write(text)
  else await replaceFile(resolve(flags.file), text)
  return EXIT.ok
}

async function lockedFolder(flags: LockFlags): Promise<string> {
  const { assets, servers } = await lockFolder(localPlaceOf(flags))
  const named = serversOf(flags, process.env)
  return lockText(named.length > 0 ? named : servers, assets)
}

function lockedNames(names: readonly string[], flags: LockFlags): Promise<string> {
  return withNetwork(flags, async network => {
    const servers = await knownServers(flags)
    const catalogue = new RemoteCatalogue({ network, servers, note: toStderr })
    const items = await findWanted(catalogue, { names })
    if (items.some(({ only }) => only !== undefined)) {
      throw new SettingInvalid('the name', names.join(' '), 'whole assets, without seek keys')
    }
    return lockText(
      servers,
      await lockRemote(
        items.map(({ asset }) => asset),
        network,
      ),
    )
  })
}

/** Flags of `sync`. */
export interface SyncFlags extends NetworkFlags, PlaceFlags {
  readonly jobs?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Pulls exactly what a lock names. */
export async function runSync(file: string | undefined, flags: SyncFlags): Promise<number> {
  const lock = await readLock(resolve(file ?? LOCK_NAME))
  const set = withClientSettings(flags, process.env)
  const jobs = numberOf('--jobs', set.jobs, 1, 64)
  const { place, folder } = await placeOf(set, process.env)
  const named = serversOf(flags, process.env)
  const servers = named.length > 0 ? named : addressesIn(lock.servers)
  if (servers.length === 0) throw noServer()
  const view = pullView({ json: flags.json === true, quiet: flags.quiet === true })
  try {
    return await withNetwork(flags, network =>
      untilStopped(async signal => {
        network.endWith(signal)
        const target = await openTarget(place, { servers, signal })
        const options = { network, target, folder, servers, signal, onEvent: view.onEvent }
        const summary = await syncLock(lock.assets, { ...options, ...(jobs && { jobs }) })
        view.end(summary)
        return exitCodeOfAll(summary)
      }),
    )
  } finally {
    view.close()
  }
}

/** Flags of `outdated`. */
export interface OutdatedFlags extends NetworkFlags, LocalFlags {
  readonly json?: boolean
  readonly all?: boolean
}

/** Compares a folder or a lock with what servers have. */
export async function runOutdated(file: string | undefined, flags: OutdatedFlags): Promise<number> {
  const lock = file === undefined ? undefined : await readLock(resolve(file))
  const held = lock === undefined ? await heldIn(flags) : lock.assets.map(ofLock)
  const servers = await knownServers(flags, lock?.servers)
  const compared = await withNetwork(flags, network =>
    compareAssets(held, new RemoteCatalogue({ network, servers, note: toStderr })),
  )
  tell(compared, flags)
  return EXIT.ok
}

function ofLock(asset: Awaited<ReturnType<typeof readLock>>['assets'][number]): HeldAsset {
  const { registry_path, genome, tag, archive } = asset
  return {
    registryPath: registry_path,
    genome: genome.digest,
    asset: asset.asset,
    tag,
    md5: archive.md5,
  }
}

async function heldIn(flags: LocalFlags): Promise<HeldAsset[]> {
  return (await listLocal(localPlaceOf(flags))).map(
    ({ registryPath, genome, asset, tag, assetDigest, record }) => ({
      registryPath,
      genome,
      asset,
      tag,
      ...(record && { md5: record.archive.md5 }),
      ...(assetDigest !== undefined && { assetDigest }),
    }),
  )
}

const NOTES: Record<ComparedAsset['state'], (asset: ComparedAsset) => string> = {
  current: () => '',
  changed: ({ md5 }) => `the tag has the archive ${md5} now`,
  newer: ({ defaultTag }) => `the default tag is ${defaultTag} now`,
  gone: ({ defaultTag }) =>
    defaultTag === undefined ? 'no server has it' : `the default tag is ${defaultTag} now`,
}

function tell(compared: readonly ComparedAsset[], { json, all }: OutdatedFlags): void {
  if (json === true) {
    const rows = compared.map(({ registryPath, state, md5 = null, defaultTag = null }) => {
      return { registry_path: registryPath, state, md5, default_tag: defaultTag }
    })
    process.stdout.write(`${JSON.stringify(rows)}\n`)
    return
  }
  const shown = compared.filter(({ state }) => all === true || state !== 'current')
  if (shown.length > 0) {
    const rows = shown.map(it => [it.registryPath, it.state, NOTES[it.state](it)])
    process.stdout.write(tableText(['ASSET', 'STATE', 'AT THE SERVERS'], rows))
  }
  const current = compared.filter(({ state }) => state === 'current').length
  toStderr(`${current} of ${compared.length} are what the servers have`)
}

/** The servers of flags and environment, else those given, else those that the genome config is subscribed to, else those of the client settings. Throws SettingInvalid. */
async function knownServers(
  flags: NetworkFlags & LocalFlags,
  others: readonly string[] = [],
): Promise<readonly string[]> {
  const named = serversOf(flags, process.env)
  if (named.length > 0) return named
  if (others.length > 0) return addressesIn(others)
  const { config } = localPlaceOf(flags)
  const subscribed = config === undefined ? [] : (await readGenomeConfig(config)).servers
  if (subscribed.length > 0) return subscribed
  const { server } = withClientSettings(flags, process.env)
  if (server === undefined) throw noServer()
  return server
}

function noServer(): Error {
  return new SettingInvalid('--server', '', 'a server, by --server URL or $REFDEPOT_SERVER')
}

function addressesIn(servers: readonly string[]): string[] {
  return servers.map(url => serverAddress('a server of the lock', url))
}
