/**
 * Secrets among the settings: from the environment, a file, or a credential of systemd; never from a flag, since everybody on the
 * machine can read those.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SettingInvalid } from './config-error.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What is shown in the place of a secret. */
export const REDACTED = '[redacted]'

/**
 * The secret of a setting: `$NAME`, the file that `$NAME_FILE` names, or the credential `refdepot-<setting>` of the systemd unit;
 * undefined when there is none.
 *
 * @throws SettingInvalid when a file is named that cannot be read
 */
export function readSecret(
  setting: string,
  variable: string,
  environment: Environment,
): string | undefined {
  const value = environment[variable]
  if (value !== undefined && value !== '') return value
  const file = environment[`${variable}_FILE`]
  if (file !== undefined && file !== '') return contentOf(file, `$${variable}_FILE`)
  const folder = environment.CREDENTIALS_DIRECTORY
  if (folder === undefined || folder === '') return undefined
  return contentOf(join(folder, `refdepot-${setting}`))
}

function contentOf(file: string, source?: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch (error) {
    if (source === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SettingInvalid(source ?? 'the systemd credential', file, 'a file that can be read')
  }
}
