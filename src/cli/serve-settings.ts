/** From flags to the settings of a server and the place its archives are read from. */
import { ConfigReader } from '../archive/config-reader.ts'
import type { DepotSource } from '../archive/depot.ts'
import type { CacheSettings } from '../archive/open-published.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { listOf, resolveSettings, type SettingValues } from '../config/settings.ts'
import { parseSize } from '../domain/human-size.ts'
import { packageVersion } from './version.ts'

/** Flags as the command line gives them: names in camel case. */
export type ServeFlags = Readonly<Record<string, unknown>> & { readonly config?: string }

/** What `serve` was told; it can be passed on to another process. */
export interface PlainSettings {
  readonly values: SettingValues
  readonly source: Omit<DepotSource, 'readConfig'>
}

/** Everything `serve` needs to know. */
export interface ServeSettings extends PlainSettings {
  readonly source: DepotSource
  /** Has read the config already; undefined when none is given. */
  readonly reader?: ConfigReader
}

/**
 * Resolves the settings of `serve`.
 *
 * @param port - default port of the command that was called, below flag, environment and file
 * @throws SettingInvalid, ConfigUnreadable, ConfigInvalid
 */
export async function serveSettings(flags: ServeFlags, port?: string): Promise<ServeSettings> {
  const named = Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
      typeof value === 'string' ? value : undefined,
    ]),
  )
  const debug = flags.dbg === true && named['log-level'] === undefined
  const given = {
    flags: debug ? { ...named, 'log-level': 'debug' } : named,
    environment: process.env,
  }
  const config = flags.config === '' ? undefined : flags.config
  // Snapshots are looked for before the config is read: what it says itself of their place comes too late.
  const reader = readerFor(resolveSettings({ ...given, file: {} }))
  const { settings: file } = config === undefined ? NO_CONFIG : await reader.read(config)
  const values = resolveSettings({
    ...given,
    file: port === undefined ? file : { port, ...file },
  })
  if (config === undefined && values.store === '') {
    const allowed = 'a genome config with -c FILE or in $REFGENIE, or a store with --store'
    throw new SettingInvalid('--config', '', allowed)
  }
  return withReader({ values, source: sourceOf(config, values) }, reader)
}

/**
 * The settings with somebody who reads configs.
 *
 * @param reader - has perhaps read the config already
 */
export function withReader(
  { values, source }: PlainSettings,
  reader = readerFor(values),
): ServeSettings {
  const readConfig = (path: string) => reader.read(path)
  return { values, source: { ...source, readConfig }, ...(values.store === '' && { reader }) }
}

/** The settings without the reader, and what it has in memory. */
export function plainSettings({ values, source }: ServeSettings): PlainSettings {
  const { readConfig: _reader, ...plain } = source
  return { values, source: plain }
}

function readerFor(values: SettingValues): ConfigReader {
  const { 'state-folder': folder, snapshot } = values
  const version = packageVersion()
  return new ConfigReader({ version, keeps: snapshot === 'true', ...(folder !== '' && { folder }) })
}

const NO_CONFIG = { settings: {} }

function sourceOf(config: string | undefined, values: SettingValues): PlainSettings['source'] {
  return {
    ...(config !== undefined && { config }),
    ...(values.store !== '' && { store: values.store }),
    mayBeEmpty: values['accept-uploads'] === 'true',
    ...(values['cache-folder'] !== '' && { cache: cacheOf(values) }),
    ...(values['archive-folder'] !== '' && { archiveFolder: values['archive-folder'] }),
    ...(values.policy !== '' && { policy: values.policy }),
    ...(values['state-folder'] !== '' && { stateFolder: values['state-folder'] }),
    allowedRoots: listOf(values['allow-root']),
  }
}

/**
 * The cache that the settings ask for.
 *
 * @throws SettingInvalid when there is no store to be cached
 */
function cacheOf(values: SettingValues): CacheSettings {
  if (values.store === '') {
    throw new SettingInvalid('--cache-folder', values['cache-folder'], 'a cache with --store only')
  }
  return { folder: values['cache-folder'], bytes: parseSize(values['cache-size']) as number }
}
