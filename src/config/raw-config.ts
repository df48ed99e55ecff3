/** A genome config as its file has it: the tree that is changed and written back. */
import { readFile } from 'node:fs/promises'
import { checkConfig } from './check-config.ts'
import { ConfigInvalid, ConfigUnreadable } from './config-error.ts'
import type { RawConfig } from './genome-config-schema.ts'
import { readYaml } from './read-yaml.ts'

/**
 * Reads a config for writing: only version 0.4 is written.
 *
 * @throws ConfigUnreadable, ConfigInvalid
 */
export async function readRawConfig(file: string): Promise<RawConfig> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new ConfigUnreadable(file, error)
  })
  return rawConfigIn(text, file)
}

/**
 * The config in a text, for writing.
 *
 * @param file - for messages
 * @throws ConfigInvalid
 */
export function rawConfigIn(text: string, file: string): RawConfig {
  const raw = checkConfig(readYaml(text, file) ?? {}, text, file)
  const version = Number.parseFloat(raw.config_version ?? '0.4')
  if (version < 0.4) {
    const message = `is a config of version ${raw.config_version}, which is only read; upgrade it with \`refgenie upgrade --target-version 0.4\``
    throw new ConfigInvalid([{ file, key: 'config_version', message }])
  }
  return raw
}
