/** From flags to the settings of a server and the place its archives are read from. */
import type { DepotSource } from '../archive/depot.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { readGenomeConfig } from '../config/genome-config.ts'
import { listOf, resolveSettings, type SettingValues } from '../config/settings.ts'

/** Flags as the command line gives them: names in camel case. */
export type ServeFlags = Readonly<Record<string, unknown>> & { readonly config?: string }

/** Everything `serve` needs to know. */
export interface ServeSettings {
  readonly values: SettingValues
  readonly source: DepotSource
}

/**
 * Resolves the settings of `serve`.
 *
 * @param port - default port of the command that was called, below flag, environment and file
 * @throws SettingInvalid, ConfigUnreadable, ConfigInvalid
 */
export async function serveSettings(flags: ServeFlags, port?: string): Promise<ServeSettings> {
  if (flags.config === undefined || flags.config === '') {
    throw new SettingInvalid('--config', '', 'a genome config with -c FILE or in $REFGENIE')
  }
  const { settings: file } = await readGenomeConfig(flags.config)
  const named = Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
      typeof value === 'string' ? value : undefined,
    ]),
  )
  const debug = flags.dbg === true && named['log-level'] === undefined
  const values = resolveSettings({
    flags: debug ? { ...named, 'log-level': 'debug' } : named,
    environment: process.env,
    file: port === undefined ? file : { port, ...file },
  })
  return { values, source: sourceOf(flags.config, values) }
}

function sourceOf(config: string, values: SettingValues): DepotSource {
  return {
    config,
    ...(values['archive-folder'] !== '' && { archiveFolder: values['archive-folder'] }),
    ...(values.policy !== '' && { policy: values.policy }),
    ...(values['state-folder'] !== '' && { stateFolder: values['state-folder'] }),
    allowedRoots: listOf(values['allow-root']),
  }
}
