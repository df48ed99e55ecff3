/** Opens the state for a command. */
import { userInfo } from 'node:os'
import { findServerConfig } from '../archive/server-config.ts'
import { openState, type State } from '../state/open-state.ts'
import { configOf, type TargetFlags } from './archive-flags.ts'
import { statePath } from './serve-access.ts'

/** Flags of every command that uses the state. */
export interface StateFlags extends TargetFlags {
  readonly state?: string
}

/**
 * Does something with the state that the flags lead to, and closes it.
 *
 * @throws StateUnavailable naming the setting, ConfigUnreadable, ConfigInvalid, SettingInvalid
 */
export async function withState<T>(flags: StateFlags, use: (state: State) => Promise<T>) {
  const state = await openState(await stateFile(flags))
  try {
    return await use(state)
  } finally {
    await state.close()
  }
}

/** The state of the config counts where the flags name none: the server would use the same. */
async function stateFile(flags: StateFlags): Promise<string> {
  if (flags.state !== undefined && flags.state !== '') return flags.state
  const { config, archiveFolder } = await findServerConfig(configOf(flags), flags.archiveFolder)
  return statePath(archiveFolder, String(config.settings.state ?? ''))
}

/** Who acts on the command line, for the audit. */
export function commandLineUser(): string {
  try {
    return `command line (${userInfo().username})`
    /* c8 ignore next 3 - a user id without a name occurs in containers only, not on the machines that test */
  } catch {
    return `command line (uid ${process.getuid?.() ?? '?'})`
  }
}
