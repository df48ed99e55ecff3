/** Which folder a command on pulled assets means. */

import type { LocalPlace } from '../client/local-assets.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { type SettableFlags, withClientSettings } from './client-defaults.ts'

/** Flags that name a folder with pulled assets. */
export interface LocalFlags {
  readonly config?: string
  readonly output?: string
}

/**
 * What the flags name; `$REFGENIE`, else the folder of the client settings, else the current one, when they name nothing.
 *
 * @throws SettingInvalid when they name two
 */
export function localPlaceOf({ config = '', output = '' }: LocalFlags): LocalPlace {
  if (config !== '' && output !== '') {
    throw new SettingInvalid('--output', output, 'a config with -c or a folder with -o, not both')
  }
  if (config !== '') return { config }
  if (output !== '') return { folder: output }
  const { REFGENIE = '' } = process.env
  if (REFGENIE !== '') return { config: REFGENIE }
  return { folder: withClientSettings<SettableFlags>({}, process.env).output ?? '.' }
}
