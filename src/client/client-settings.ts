/**
 * Settings of the client: which servers, with which limits, where to.
 *
 * Flags > environment > file > defaults. The file is `$REFDEPOT_CLIENT_CONFIG`, else `refdepot/config.yaml` in `$XDG_CONFIG_HOME`, else in
 * `~/.config`. No secret is in it: `token-file` names the file of a token.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigInvalid, ConfigUnreadable, SettingInvalid } from '../config/config-error.ts'
import { lineFinder, readYaml } from '../config/read-yaml.ts'
import { DEFAULT_JOBS } from '../transfer/transfer-options.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** One setting. */
export interface ClientSettingRow {
  /** Long flag without `--`; also the key in the file. */
  readonly name: string
  /** Name of the value in help texts. */
  readonly value: string
  readonly environment: string
  /** For people; empty when it has none. */
  readonly default: string
  readonly description: string
  /** Several are allowed: a list in the file, words in the environment. */
  readonly several?: true
  /** A file or folder: relative ones count from the folder of the settings, `~/` is the home. */
  readonly path?: true
  readonly allowed: { readonly pattern: RegExp; readonly wording: string }
}

const SERVER = {
  pattern: /^https?:\/\/[^\s?#@/,][^\s?#@,]*$/,
  wording: 'an http or https URL without user, password and query',
}
const PATH = { pattern: /^\S(?:.*\S)?$/, wording: 'a path' }

/** Every setting of the client, in the order in which they are shown. */
export const CLIENT_SETTINGS = [
  {
    name: 'server',
    value: 'URL',
    environment: 'REFDEPOT_SERVER',
    default: '',
    description: 'Servers in the order of asking; the token is for the first one',
    several: true,
    allowed: SERVER,
  },
  {
    name: 'mirror',
    value: 'URL',
    environment: 'REFDEPOT_MIRROR',
    default: '',
    description: 'Other servers that bytes may come from',
    several: true,
    allowed: SERVER,
  },
  {
    name: 'jobs',
    value: 'NUMBER',
    environment: 'REFDEPOT_JOBS',
    default: String(DEFAULT_JOBS),
    description: 'Connections at a time',
    allowed: { pattern: /^(?:[1-9]|[1-5]\d|6[0-4])$/, wording: 'a number from 1 to 64' },
  },
  {
    name: 'retries',
    value: 'NUMBER',
    environment: 'REFDEPOT_RETRIES',
    default: '8',
    description: 'Attempts after the first one',
    allowed: { pattern: /^(?:\d{1,3}|1000)$/, wording: 'a number from 0 to 1000' },
  },
  {
    name: 'timeout',
    value: 'SECONDS',
    environment: 'REFDEPOT_TIMEOUT',
    default: '60',
    description: 'Wait so long for an answer',
    allowed: { pattern: /^[1-9]\d{0,4}$/, wording: 'a number of seconds from 1 to 86400' },
  },
  {
    name: 'ca-file',
    value: 'FILE',
    environment: 'REFDEPOT_CA_FILE',
    default: '',
    description: 'Certificates (PEM) of a private authority',
    several: true,
    path: true,
    allowed: PATH,
  },
  {
    name: 'token-file',
    value: 'FILE',
    environment: 'REFDEPOT_TOKEN_FILE',
    default: '',
    description: 'File with the token for the first server',
    path: true,
    allowed: PATH,
  },
  {
    name: 'layout',
    value: 'LAYOUT',
    environment: 'REFDEPOT_LAYOUT',
    default: '',
    description: 'Layout of the folder that is pulled into',
    allowed: { pattern: /^(?:refgenie|flat|digest)$/, wording: 'refgenie, flat or digest' },
  },
  {
    name: 'output',
    value: 'DIR',
    environment: 'REFDEPOT_OUTPUT',
    default: '',
    description: 'Folder that is pulled into when no genome config is named',
    path: true,
    allowed: PATH,
  },
] as const satisfies readonly ClientSettingRow[]

/** Name of a setting. */
export type ClientSettingName = (typeof CLIENT_SETTINGS)[number]['name']

/** A value and where it comes from. */
interface ClientSetting {
  /** One value, or several of a setting that takes several. */
  readonly values: readonly string[]
  /** `$NAME`, or file and line. */
  readonly source: string
}

/** What is set, by name; what is not set is missing. */
export type ClientSettings = ReadonlyMap<ClientSettingName, ClientSetting>

/** Path of the settings file; it need not exist. */
export function clientSettingsPath(env: Environment): string {
  const named = env.REFDEPOT_CLIENT_CONFIG ?? ''
  if (named !== '') return resolve(named)
  const home = env.XDG_CONFIG_HOME ?? ''
  const folder = home === '' ? join(env.HOME ?? '/', '.config') : home
  return join(folder, 'refdepot', 'config.yaml')
}

/**
 * The settings of environment and file.
 *
 * @throws ConfigInvalid naming file, line and key; SettingInvalid for a variable; ConfigUnreadable for a file that is there and cannot be read
 */
export function clientSettings(env: Environment): ClientSettings {
  const inFile = settingsInFile(clientSettingsPath(env), env)
  const settings = new Map<ClientSettingName, ClientSetting>()
  for (const row of CLIENT_SETTINGS as readonly ClientSettingRow[]) {
    const name = row.name as ClientSettingName
    const own = inEnvironment(row, env) ?? inFile.get(name)
    if (own !== undefined) settings.set(name, own)
  }
  return settings
}

/** The settings of the file alone. Throws as {@link clientSettings}. */
export function settingsInFile(path: string, env: Environment): ClientSettings {
  const text = textOf(path)
  const settings = new Map<ClientSettingName, ClientSetting>()
  const raw = readYaml(text, path) ?? {}
  const lineOf = lineFinder(text)
  const refuse = (message: string, key?: string) => {
    const line = key === undefined ? 1 : lineOf([key])
    return new ConfigInvalid([
      { file: path, ...(line !== undefined && { line }), ...(key && { key }), message },
    ])
  }
  if (typeof raw !== 'object' || Array.isArray(raw)) throw refuse('is no list of settings')
  for (const [key, value] of Object.entries(raw)) {
    const row = clientSettingRow(key)
    if (row === undefined) throw refuse(unknown(key), key)
    const values = valuesIn(row, value)
    if (values === undefined) throw refuse(`must be ${row.allowed.wording}`, key)
    const given = values.map(one => (row.path ? pathFrom(one, dirname(path), env) : one))
    settings.set(row.name as ClientSettingName, {
      values: given,
      source: `${path}:${lineOf([key]) ?? 1}`,
    })
  }
  return settings
}

/** The row of a setting; undefined when there is none of this name. */
export function clientSettingRow(name: string): ClientSettingRow | undefined {
  return CLIENT_SETTINGS.find(row => row.name === name)
}

/**
 * The values of a text: of an argument, or of a variable.
 *
 * @throws SettingInvalid; the value is not shown when it may hold a password
 */
export function clientSettingValues(row: ClientSettingRow, text: string, source: string): string[] {
  const words = row.several ? text.split(/[\s,]+/).filter(Boolean) : [text.trim()]
  const wrong = words.find(word => !row.allowed.pattern.test(word))
  if (wrong === undefined && words.length > 0) return words
  const shown = (wrong ?? text).replace(/\/\/[^@]*@/, '//…@').replace(/[?#].*$/s, '?…')
  throw new SettingInvalid(source, shown, row.allowed.wording)
}

function inEnvironment(row: ClientSettingRow, env: Environment): ClientSetting | undefined {
  const text = env[row.environment] ?? ''
  if (text === '') return undefined
  const source = `$${row.environment}`
  return { values: clientSettingValues(row, text, source), source }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return ''
    throw new ConfigUnreadable(path, error, 'the client settings')
  }
}

/** All scalars of our YAML are texts; undefined for what is not allowed. */
function valuesIn(row: ClientSettingRow, value: unknown): readonly string[] | undefined {
  const values: readonly unknown[] = Array.isArray(value) && row.several ? value : [value]
  const right = (one: unknown): one is string =>
    typeof one === 'string' && row.allowed.pattern.test(one)
  return values.length > 0 && values.every(right) ? values : undefined
}

function pathFrom(path: string, folder: string, env: Environment): string {
  return path.startsWith('~/') ? join(env.HOME ?? '/', path.slice(2)) : resolve(folder, path)
}

function unknown(key: string): string {
  const names = CLIENT_SETTINGS.map(({ name }) => name).join(', ')
  return key === 'token'
    ? 'has no place here: everybody who reads the file has it; `token-file` names a file with it'
    : `is no setting of the client; there are ${names}`
}
