/** Fills flags that are not given from the settings of the client. */
import {
  type ClientSettingName,
  type ClientSettings,
  clientSettings,
  clientSettingsPath,
  settingsInFile,
} from '../client/client-settings.ts'
import type { NetworkFlags } from './network-flags.ts'

/** Flags that settings may fill. */
export interface SettableFlags extends NetworkFlags {
  readonly mirror?: readonly string[]
  readonly jobs?: string
  readonly config?: string
  readonly output?: string
  readonly layout?: string
}

/**
 * The flags with what the settings say for those that are not given.
 *
 * The token file of the settings is for the first server of the settings: it is not filled in when the first server is another one. A
 * folder is filled in only when neither flags nor `$REFGENIE` name a place.
 *
 * @throws ConfigInvalid, ConfigUnreadable, SettingInvalid
 */
export function withClientSettings<Flags extends SettableFlags>(
  flags: Flags,
  env: NodeJS.ProcessEnv,
): Flags {
  const settings = clientSettings(env)
  const list = (name: ClientSettingName) => settings.get(name)?.values
  const one = (name: ClientSettingName) => list(name)?.[0]
  const server = flags.server ?? list('server')
  const mayToken = flags.tokenFile === undefined && (env.REFDEPOT_TOKEN ?? '') === ''
  const named = [flags.config, flags.output, flags.layout].some(flag => flag !== undefined)
  const mayPlace = !named && (env.REFGENIE ?? '') === ''
  const filled = {
    server,
    mirror: flags.mirror ?? list('mirror'),
    jobs: flags.jobs ?? one('jobs'),
    retries: flags.retries ?? one('retries'),
    timeout: flags.timeout ?? one('timeout'),
    caFile: flags.caFile ?? list('ca-file'),
    tokenFile: mayToken ? tokenFileFor(server?.[0], settings, env) : flags.tokenFile,
    output: mayPlace ? one('output') : flags.output,
    layout: mayPlace ? one('layout') : flags.layout,
  }
  const given = Object.entries(filled).filter(([, value]) => value !== undefined)
  return { ...flags, ...Object.fromEntries(given) }
}

function tokenFileFor(
  server: string | undefined,
  settings: ClientSettings,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const setting = settings.get('token-file')
  // A variable is for this command, as a flag is; the file is for the server that stands in it.
  if (setting?.source.startsWith('$') === true) return setting.values[0]
  const inFile = settingsInFile(clientSettingsPath(env), env).get('server')?.values[0]
  return originOf(server) === originOf(inFile) ? setting?.values[0] : undefined
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined
}
