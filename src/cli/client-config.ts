/** `refdepot config` on the settings of the client: show, get, set, unset, path. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  CLIENT_SETTINGS,
  type ClientSettingName,
  type ClientSettingRow,
  clientSettings,
  clientSettingsPath,
  clientSettingValues,
  settingsInFile,
} from '../client/client-settings.ts'
import { withConfigLock } from '../config/config-lock.ts'
import { REDACTED } from '../config/secret-setting.ts'
import { changedTopKeys } from '../config/write-genome-config.ts'
import { yamlDocuments } from '../config/yaml-libraries.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { EXIT } from './exit-codes.ts'
import { tableText } from './table.ts'

/** Prints every setting with where it comes from. */
export async function runShowSettings(flags: { json?: boolean }): Promise<number> {
  const { env } = process
  const settings = clientSettings(env)
  const rows = CLIENT_SETTINGS.map(row => {
    const { values, source } = settings.get(row.name) ?? {
      values: [row.default],
      source: 'default',
    }
    return { name: row.name as string, value: values.join(' '), source }
  })
  const token = env.REFDEPOT_TOKEN ?? ''
  if (token !== '') rows.push({ name: 'token', value: REDACTED, source: '$REFDEPOT_TOKEN' })
  if (flags.json === true) {
    const shown = rows.map(({ name, value, source }) => [name, { value, source }])
    process.stdout.write(`${JSON.stringify(Object.fromEntries(shown), null, 2)}\n`)
  } else {
    const cells = rows.map(({ name, value, source }) => [name, value, source])
    process.stdout.write(tableText(['Setting', 'Value', 'From'], cells))
  }
  return EXIT.ok
}

/** Prints one setting of the client; an empty line when it is not set and has no default. */
export async function runGetSetting(row: ClientSettingRow): Promise<number> {
  const setting = clientSettings(process.env).get(row.name as ClientSettingName)
  process.stdout.write(`${(setting?.values ?? [row.default]).join(' ')}\n`)
  return EXIT.ok
}

/** Writes a setting into the file; paths are made absolute, but `~/` stays. */
export async function runSetSetting(row: ClientSettingRow, text: string): Promise<number> {
  const values = clientSettingValues(row, text, row.name).map(value =>
    row.path && !value.startsWith('~/') ? resolve(value) : value,
  )
  const value = row.several && values.length > 1 ? values : (values[0] ?? '')
  await changeFile(content => changedTopKeys(content, { [row.name]: value }))
  return EXIT.ok
}

/** Takes a setting out of the file. */
export async function runUnsetSetting(row: ClientSettingRow): Promise<number> {
  await changeFile(content => withoutKey(content, row.name))
  return EXIT.ok
}

/** Prints the path of the file. */
export async function runSettingsPath(): Promise<number> {
  process.stdout.write(`${clientSettingsPath(process.env)}\n`)
  return EXIT.ok
}

/** Changes the file while nobody else does; one that is wrong is told before, not written over. */
async function changeFile(change: (content: string) => string): Promise<void> {
  const path = clientSettingsPath(process.env)
  settingsInFile(path, process.env)
  await mkdir(dirname(path), { recursive: true })
  await withConfigLock(path, async () => {
    const content = await readFile(path, 'utf8').catch(error => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    })
    await replaceFile(path, change(content))
  })
}

/** Everything else stays as it is written, comments too. */
function withoutKey(content: string, key: string): string {
  const document = yamlDocuments().parseDocument(content)
  if (!document.has(key)) return content
  document.delete(key)
  // A map without keys is written as `{}`: nothing says the same.
  return document.toString({ lineWidth: 0 }).replace(/^\{\}\n/m, '')
}
