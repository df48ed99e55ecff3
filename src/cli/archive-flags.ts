/** Flags that all archive commands share. */
import { SettingInvalid } from '../config/config-error.ts'

/** Which config, and which archive folder instead of the one it names. */
export interface TargetFlags {
  readonly config?: string
  readonly archiveFolder?: string
}

/**
 * The config that was given.
 *
 * @throws SettingInvalid
 */
export function configOf({ config = '' }: TargetFlags): string {
  if (config === '') {
    throw new SettingInvalid('--config', config, 'a genome config with -c FILE or in $REFGENIE')
  }
  return config
}
