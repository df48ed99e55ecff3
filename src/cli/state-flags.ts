/** Opens the state for a command. */
import { userInfo } from 'node:os'
import { findServerConfig } from '../archive/server-config.ts'
import { LazyState } from '../state/lazy-state.ts'
import { openState, type State } from '../state/open-state.ts'
import type { TargetFlags } from './archive-flags.ts'
import { statePath } from './serve-access.ts'
import { serveSettings } from './serve-settings.ts'

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

/**
 * Does something with the state that the flags lead to if there is one; makes none.
 *
 * @throws as {@link withState}
 */
export async function withPresentState<T>(
  flags: StateFlags,
  use: (state: State | undefined) => Promise<T>,
): Promise<T> {
  const lazy = new LazyState(await stateFile(flags))
  try {
    return await use(await lazy.present())
  } finally {
    await lazy.close()
  }
}

/** The one that a server with the same flags, environment and config uses. */
async function stateFile(flags: StateFlags): Promise<string> {
  const { state = '', config = '' } = flags
  // A database that is named needs no config to be found.
  if (state !== '' && config === '') return state
  const { values, source } = await serveSettings({ ...flags })
  const { config: file, store } = source
  // As `serve`: a store is no place for a database.
  if (values.state !== '' || file === undefined || store !== undefined) {
    return statePath('.', values.state)
  }
  const { archiveFolder } = await findServerConfig(file, source.archiveFolder)
  return statePath(archiveFolder)
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
