/** `refdepot bundle`: archives in one file, for networks that reach no server. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type BundleSource, folderSource, serverSource } from '../client/bundle-source.ts'
import { createBundle } from '../client/create-bundle.ts'
import { importArchives } from '../client/import-archives.ts'
import { importAssets } from '../client/import-assets.ts'
import { checkBundle, openBundle } from '../client/open-bundle.ts'
import { selectAssets } from '../client/select-assets.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { withConfigLock } from '../config/config-lock.ts'
import { resolveSettings } from '../config/settings.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'
import { formatSize } from '../domain/human-size.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT } from './exit-codes.ts'
import { type NetworkFlags, numberOf, serversOf } from './network-flags.ts'
import { type PlaceFlags, placeOf } from './pull-place.ts'
import { runServe } from './serve.ts'
import { tableText } from './table.ts'
import { withNetwork } from './with-network.ts'

/** Flags of `bundle create`. */
export interface CreateFlags extends NetworkFlags {
  readonly output: string
  readonly config?: string
  readonly archiveFolder?: string
  readonly policy?: string
  readonly includeRestricted?: boolean
  readonly jobs?: string
  readonly json?: boolean
}

/** Writes a bundle. */
export async function runCreate(paths: readonly string[], flags: CreateFlags): Promise<number> {
  const file = resolve(flags.output)
  const staging = `${file}.parts`
  const { assets, size } = await withSource(flags, staging, async source => {
    const entries = selectAssets(source.catalogue, paths)
    // One run at a time writes a bundle, and what is fetched for it.
    return withConfigLock(file, () =>
      createBundle(source, entries, file, {
        includeRestricted: flags.includeRestricted === true,
        onTag: entry => tell(flags, { event: 'added', registryPath: nameOfEntry(entry) }),
      }),
    )
  })
  await rm(staging, { recursive: true, force: true })
  tell(flags, { event: 'created', file, assets, size })
  return EXIT.ok
}

async function withSource<T>(
  given: CreateFlags,
  staging: string,
  work: (source: BundleSource) => Promise<T>,
): Promise<T> {
  const config = given.config ?? ''
  if (config !== '') {
    const { archiveFolder: folder, policy } = given
    const policyOf = (file: Readonly<Record<string, unknown>>) =>
      resolveSettings({ flags: { policy }, environment: process.env, file }).policy
    return work(await folderSource(config, { policyOf, ...(folder !== undefined && { folder }) }))
  }
  const flags = withClientSettings(given, process.env)
  const [server] = serversOf(flags, process.env)
  if (server === undefined) {
    const allowed = 'a server (--server URL) or the config of an archive folder (-c FILE)'
    throw new SettingInvalid('where the assets are', '', allowed)
  }
  const jobs = numberOf('--jobs', flags.jobs, 1, 64)
  return withNetwork(flags, async network =>
    work(await serverSource(server, staging, { network, ...(jobs && { jobs }) })),
  )
}

/** Flags of the commands that read a bundle. */
export interface ReadFlags {
  readonly json?: boolean
}

/** Lists what is in a bundle. */
export async function runList(file: string, flags: ReadFlags): Promise<number> {
  const { catalogue, store } = await openBundle(resolve(file))
  const rows = [...catalogue.entries()].map(entry => {
    const { genome, tag } = entry
    const prefix = `archives/${tag.archiveDigest}/`
    const files = store.files.filter(({ key }) => key.startsWith(prefix))
    const size = files.find(({ key }) => key.endsWith('.tgz'))?.size ?? 0
    return {
      registry_path: nameOfEntry(entry),
      genome: genome.digest,
      md5: tag.archiveDigest,
      size,
    }
  })
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify(rows)}\n`
      : tableText(
          ['ASSET', 'SIZE', 'MD5'],
          rows.map(row => [row.registry_path, formatSize(row.size), row.md5]),
        ),
  )
  return EXIT.ok
}

/** Compares a bundle with its digests. */
export async function runVerify(file: string, flags: ReadFlags): Promise<number> {
  const bundle = await openBundle(resolve(file))
  let bytes = 0
  await checkBundle(bundle, ({ size }) => {
    bytes += size
  })
  const { archiveCount: assets } = bundle.catalogue
  tell(flags, { event: 'sound', file, assets, size: bytes })
  return EXIT.ok
}

/** Flags of `bundle import`. */
export interface ImportFlags extends ReadFlags, PlaceFlags {
  readonly archives?: string
  readonly force?: boolean
}

/** Puts what is in a bundle in place. */
export async function runImport(file: string, flags: ImportFlags): Promise<number> {
  const bundle = await openBundle(resolve(file))
  const { archives, force = false } = flags
  if (archives === undefined) {
    if (force) throw new SettingInvalid('--force', 'true', '--force with --archives only')
    for (const { registryPath, action, path } of await importAssets(
      bundle,
      await placeOf(flags, process.env),
    )) {
      tell(flags, { event: action === 'current' ? 'current' : 'imported', registryPath, path })
    }
    return EXIT.ok
  }
  if (archives === '') throw new SettingInvalid('--archives', '', 'an archive folder')
  for (const entry of await importArchives(bundle, archives, { force })) {
    tell(flags, { event: 'imported', registryPath: nameOfEntry(entry) })
  }
  return EXIT.ok
}

/** Flags of `bundle serve`. */
export interface ServeBundleFlags {
  readonly port?: string
  readonly host?: string
}

/** Serves out of a bundle. */
export async function runServeBundle(file: string, flags: ServeBundleFlags): Promise<number> {
  // Opened here too: what is no bundle is told as that, not as a store with nothing in it.
  await openBundle(resolve(file))
  const { port, host } = flags
  return runServe({
    store: resolve(file),
    countDownloads: 'false',
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
  })
}

type Told = {
  readonly event: string
  readonly registryPath?: string
  readonly path?: string
  readonly file?: string
  readonly assets?: number
  readonly size?: number
}

function tell({ json }: ReadFlags, told: Told): void {
  const { event, registryPath, path, file, assets, size = 0 } = told
  const line =
    registryPath === undefined
      ? `${event} ${file}: ${assets} archives, ${formatSize(size)}`
      : `${event.padEnd(9)}${registryPath}${path === undefined ? '' : ` (${path})`}`
  process.stdout.write(`${json === true ? JSON.stringify(told) : line}\n`)
}

function nameOfEntry({ genome, asset, tag }: CatalogueEntry): string {
  return `${nameOf(genome)}/${asset.name}:${tag.name}`
}
