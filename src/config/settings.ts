/**
 * The settings of the server: one table from which flags, environment names, `--help` and docs/settings.md come.
 *
 * Flags > environment > the `refdepot` section of the config > defaults. Names in the file are the flags without dashes in front.
 */
import { DURATION_FORMS } from '../domain/duration.ts'
import { BUDGET_FORMS } from './byte-budget.ts'
import { SettingInvalid } from './config-error.ts'
import { REDACTED, readSecret } from './secret-setting.ts'

/** Levels of the log, from chatty to none. */
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** One setting. */
export interface SettingRow {
  /** Long flag without `--`; also the key in the file. */
  readonly name: string
  readonly short?: string
  /** Name of the value in help texts. */
  readonly value: string
  /** Environment variables, the first one that is set counts. */
  readonly environment: readonly string[]
  readonly default: string
  readonly description: string
  /** Set for settings of the archiver, which the server only lets pass. */
  readonly archiver?: true
  /** Set for secrets: they have no flag, and are never shown. */
  readonly secret?: true
  /** What is allowed, for error messages; undefined = anything. */
  readonly allowed?: { readonly pattern: RegExp; readonly wording: string }
}

const ADDRESS = 'a comma-separated list of addresses or networks, or `loopback`'

const URL_OR_NOTHING = {
  pattern: /^(?:https?:\/\/[^\s?#]+)?$/,
  wording: 'an http or https URL without query',
}
const BUDGET = {
  pattern:
    /^(?:\d+(?:\.\d+)?\s*[KMGTPE]?B\/(?:\d{0,9}[smhdwy]|second|minute|hour|day|week|month))?$/i,
  wording: BUDGET_FORMS,
}
const BOOLEAN = { pattern: /^(?:true|false)$/, wording: 'true or false' }
const COUNT = { pattern: /^(?:[1-9]\d{0,5})?$/, wording: 'a number from 1' }

/** Every setting of `refdepot serve`. */
export const SETTINGS = [
  {
    name: 'port',
    short: 'p',
    value: 'PORT',
    environment: ['REFDEPOT_PORT'],
    default: '8080',
    description: 'Port to listen on; 0 takes a free one',
    allowed: {
      pattern: /^(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/,
      wording: 'a number from 0 to 65535',
    },
  },
  {
    name: 'host',
    value: 'HOST',
    environment: ['REFDEPOT_HOST'],
    default: '0.0.0.0',
    description: 'Address to listen on',
  },
  {
    name: 'socket',
    value: 'PATH',
    environment: ['REFDEPOT_SOCKET'],
    default: '',
    description: 'Unix socket to listen on instead of host and port',
  },
  {
    name: 'workers',
    value: 'NUMBER',
    environment: ['REFDEPOT_WORKERS'],
    default: '1',
    description:
      'Processes that answer requests: a number, or `auto` for one a core; from 2 on SIGHUP replaces them one by one (docs/deployment.md)',
    allowed: { pattern: /^(?:auto|[1-9]\d?)$/, wording: 'auto, or a number from 1 to 99' },
  },
  {
    name: 'archive-folder',
    value: 'DIR',
    environment: ['REFDEPOT_ARCHIVE_FOLDER', 'REFGENIE_GENOME_ARCHIVE_FOLDER'],
    default: '',
    description:
      'Folder of the archives; without it the one the config names, else the folder of the config',
  },
  {
    name: 'store',
    value: 'PLACE',
    environment: ['REFDEPOT_STORE'],
    default: '',
    description:
      'Store that `refdepot push` has published in (a folder or s3://BUCKET/PREFIX), or another server to be mirrored (https://…); no config and no archive folder are needed then',
  },
  {
    name: 'cache-folder',
    value: 'DIR',
    environment: ['REFDEPOT_CACHE_FOLDER'],
    default: '',
    description:
      'Folder that keeps what was fetched from the store: archives are compared with their digests, then served from there; needed for a store that is another server',
  },
  {
    name: 'cache-size',
    value: 'SIZE',
    environment: ['REFDEPOT_CACHE_SIZE'],
    default: '100GB',
    description:
      'Bytes that the cache folder may hold; what was not used for longest is removed first',
    allowed: { pattern: /^\d+(?:\.\d+)?\s*[KMGTPE]?B$/i, wording: 'a size such as 500GB' },
  },
  {
    name: 'serve-from',
    value: 'WHERE',
    environment: ['REFDEPOT_SERVE_FROM'],
    default: 'proxy',
    description:
      'Whether bytes of open archives pass through the server (proxy), or callers without credentials are sent to the store by 307: always (redirect), or from 1 MiB on and no scripts of other web sites (auto)',
    allowed: { pattern: /^(?:proxy|redirect|auto)$/, wording: 'proxy, redirect or auto' },
  },
  {
    name: 'store-public-url',
    value: 'URL',
    environment: ['REFDEPOT_STORE_PUBLIC_URL'],
    default: '',
    description:
      'URL under which everybody can read the folder of the store; redirects lead there instead of to signed URLs',
    allowed: URL_OR_NOTHING,
  },
  {
    name: 'store-endpoint',
    value: 'URL',
    environment: ['REFDEPOT_STORE_ENDPOINT'],
    default: '',
    description:
      'Address of the object store as clients reach it, for signed URLs; without it the one that the server uses itself',
    allowed: URL_OR_NOTHING,
  },
  {
    name: 'accept-uploads',
    value: 'BOOLEAN',
    environment: ['REFDEPOT_ACCEPT_UPLOADS'],
    default: 'false',
    description:
      'Whether tokens with a write scope may publish here (refdepot publish); needs --store, and a server that may write there',
    allowed: BOOLEAN,
  },
  {
    name: 'manifests',
    value: 'WHO',
    environment: ['REFDEPOT_MANIFESTS'],
    default: 'token',
    description:
      'Who may keep manifests here for 90 days: tokens with a write scope (token), everybody (open), nobody (off) (docs/manifests.md)',
    allowed: { pattern: /^(?:token|open|off)$/, wording: 'token, open or off' },
  },
  {
    name: 'state-folder',
    value: 'DIR',
    // The second one is systemd's name for the StateDirectory of a unit.
    environment: ['REFDEPOT_STATE_FOLDER', 'STATE_DIRECTORY'],
    default: '',
    description:
      'Folder for computed digests when the archive folder is read-only (without it they are kept in memory), and for the snapshot of the config',
  },
  {
    name: 'snapshot',
    value: 'true|false',
    environment: ['REFDEPOT_SNAPSHOT'],
    default: 'true',
    description:
      'Keep the config as it was checked, for a fast next start: in the state folder (when flag or environment name it), else in .refdepot beside a config that lies in the archive folder',
    allowed: { pattern: /^(?:true|false)$/, wording: 'true or false' },
  },
  {
    name: 'allow-root',
    value: 'DIR[,DIR…]',
    environment: ['REFDEPOT_ALLOW_ROOT'],
    default: '',
    description: 'Further folders that links in the archive folder may lead to',
  },
  {
    name: 'public-url',
    value: 'URL',
    environment: ['REFDEPOT_PUBLIC_URL'],
    default: '',
    description:
      'URL that clients reach this server by; without it the Host header of the request counts',
    allowed: URL_OR_NOTHING,
  },
  {
    name: 'base-path',
    value: 'PATH',
    environment: ['REFDEPOT_BASE_PATH'],
    default: '',
    description: 'Path that stands before every route, such as /refdepot',
    allowed: {
      pattern: /^(?:\/[^\s?#/]+)*$/,
      wording: 'a path that begins with / and does not end with it',
    },
  },
  {
    name: 'trust-proxy',
    value: 'LIST',
    environment: ['REFDEPOT_TRUST_PROXY'],
    default: '',
    description: `Proxies whose X-Forwarded headers are believed: ${ADDRESS}`,
  },
  {
    name: 'sendfile',
    value: 'HEADER',
    environment: ['REFDEPOT_SENDFILE'],
    default: '',
    description:
      'Has a trusted front proxy send files from the disk: x-accel-redirect (nginx; =/PREFIX of its internal location, /_refdepot without it) or x-sendfile (Apache, lighttpd); needs --trust-proxy (docs/performance.md)',
    allowed: {
      pattern: /^(?:x-accel-redirect(?:=(?:\/[\w~-][\w.~-]*)+)?|x-sendfile)?$/,
      wording: 'x-accel-redirect, x-accel-redirect=/PREFIX or x-sendfile',
    },
  },
  {
    name: 'sendfile-report',
    value: 'HOST:PORT',
    environment: ['REFDEPOT_SENDFILE_REPORT'],
    default: '',
    description:
      'UDP address to which nginx reports what it has sent, such as 127.0.0.1:8514; without it what was handed over counts as sent',
    allowed: {
      pattern: /^(?:(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5})?$/i,
      wording: 'an address and a port such as 127.0.0.1:8514',
    },
  },
  {
    name: 'title',
    value: 'TEXT',
    environment: ['REFDEPOT_TITLE'],
    default: 'refdepot',
    description: 'Name of this server on its pages and in /service-info',
  },
  {
    name: 'watch-interval',
    value: 'SECONDS',
    environment: ['REFDEPOT_WATCH_INTERVAL'],
    default: '2',
    description: 'How often the config is looked at for changes; 0 = only on SIGHUP',
    allowed: { pattern: /^\d+(?:\.\d+)?$/, wording: 'a number of seconds' },
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    environment: ['REFDEPOT_LOG_LEVEL'],
    default: 'info',
    description: `Level of the log: ${LOG_LEVELS.join(', ')}`,
    allowed: {
      pattern: new RegExp(`^(?:${LOG_LEVELS.join('|')})$`),
      wording: LOG_LEVELS.join(', '),
    },
  },
  {
    name: 'policy',
    value: 'FILE',
    environment: ['REFDEPOT_POLICY'],
    default: '',
    description: 'Policy that says what is controlled, beside the genome config (docs/access.md)',
  },
  {
    name: 'state',
    value: 'PLACE',
    environment: ['REFDEPOT_STATE', 'REFDEPOT_DATABASE_URL'],
    default: '',
    description:
      'Database of tokens, audit and download counts: a file, or postgres://… for several servers (the password by $PGPASSWORD or .pgpass); without it .refdepot/state.sqlite in the archive folder',
  },
  {
    name: 'link-lifetime',
    value: 'SPAN',
    environment: ['REFDEPOT_LINK_LIFETIME'],
    default: '1d',
    description: 'Longest time that a short-lived link works',
    allowed: { pattern: /^\d{1,9}[smhdw]?$/, wording: DURATION_FORMS },
  },
  {
    name: 'link-secret',
    value: 'SECRET',
    environment: ['REFDEPOT_LINK_SECRET'],
    default: '',
    description:
      'Signs short-lived links; without it a key of the state. Also $REFDEPOT_LINK_SECRET_FILE and the systemd credential refdepot-link-secret',
    secret: true,
    allowed: { pattern: /^(?:.{32,})?$/s, wording: '32 characters or more' },
  },
  {
    name: 'oidc-issuer',
    value: 'URL',
    environment: ['REFDEPOT_OIDC_ISSUER'],
    default: '',
    description: 'Identity provider whose signed tokens count; value of `iss`',
    allowed: URL_OR_NOTHING,
  },
  {
    name: 'oidc-audience',
    value: 'TEXT',
    environment: ['REFDEPOT_OIDC_AUDIENCE'],
    default: '',
    description: 'Value of `aud` that signed tokens must have; needed with --oidc-issuer',
  },
  {
    name: 'oidc-jwks',
    value: 'URL',
    environment: ['REFDEPOT_OIDC_JWKS'],
    default: '',
    description: 'Keys of the identity provider; without it the issuer is asked where they are',
    allowed: URL_OR_NOTHING,
  },
  {
    name: 'oidc-claim',
    value: 'NAME',
    environment: ['REFDEPOT_OIDC_CLAIM'],
    default: 'scope',
    description:
      'Claim of signed tokens with scopes, roles or groups; dots lead into objects (realm_access.roles)',
  },
  {
    name: 'oidc-scopes',
    value: 'LIST',
    environment: ['REFDEPOT_OIDC_SCOPES'],
    default: '',
    description:
      'What values of the claim mean here: VALUE=SCOPE, several with commas (staff=read:*,staff=PANEL.READ). Values such as `refdepot:read:hg38/*` are scopes themselves, but for admin and introspect',
    allowed: {
      pattern: /^(?:[^,=\s]+=[^,=\s]+(?:\s*,\s*[^,=\s]+=[^,=\s]+)*)?$/,
      wording: 'VALUE=SCOPE pairs with commas between them',
    },
  },
  {
    name: 'limit-address',
    value: 'BUDGET',
    environment: ['REFDEPOT_LIMIT_ADDRESS'],
    default: '',
    description: 'Bytes that one address may download, such as 500GB/day; no limit without it',
    allowed: BUDGET,
  },
  {
    name: 'limit-token',
    value: 'BUDGET',
    environment: ['REFDEPOT_LIMIT_TOKEN'],
    default: '',
    description: 'Bytes that one token may download, such as 500GB/day; no limit without it',
    allowed: BUDGET,
  },
  {
    name: 'transfers-address',
    value: 'NUMBER',
    environment: ['REFDEPOT_TRANSFERS_ADDRESS'],
    default: '',
    description: 'Downloads that one address may have at a time; no limit without it',
    allowed: COUNT,
  },
  {
    name: 'transfers-token',
    value: 'NUMBER',
    environment: ['REFDEPOT_TRANSFERS_TOKEN'],
    default: '',
    description: 'Downloads that one token may have at a time; no limit without it',
    allowed: COUNT,
  },
  {
    name: 'audit-addresses',
    value: 'BOOLEAN',
    environment: ['REFDEPOT_AUDIT_ADDRESSES'],
    default: 'false',
    description: 'Whether the audit keeps addresses of clients',
    allowed: BOOLEAN,
  },
  {
    name: 'count-downloads',
    value: 'BOOLEAN',
    environment: ['REFDEPOT_COUNT_DOWNLOADS'],
    default: 'true',
    description: 'Whether downloads are counted (docs/statistics.md); no address is kept',
    allowed: BOOLEAN,
  },
  {
    name: 'archive-layout',
    value: 'LAYOUT',
    environment: [],
    default: 'refgenieserver',
    description:
      'Folders that `archive create` makes: those of refgenieserver, or (`refgenie1`) of refgenie 1.x; both are served',
    archiver: true,
    allowed: { pattern: /^(?:refgenieserver|refgenie1)$/, wording: 'refgenieserver or refgenie1' },
  },
] as const satisfies readonly SettingRow[]

/** Name of a setting. */
type SettingName = (typeof SETTINGS)[number]['name']

/** Every setting with its value as text. */
export type SettingValues = Readonly<Record<SettingName, string>>

/** Where values come from; the earlier one wins. */
export interface SettingSources {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The `refdepot` section of the config. */
  readonly file: Readonly<Record<string, unknown>>
}

/**
 * The value of every setting.
 *
 * @throws SettingInvalid naming where the value stands and what is allowed
 */
export function resolveSettings(sources: SettingSources): SettingValues {
  for (const key of Object.keys(sources.file)) {
    if (SETTINGS.some(row => row.name === key)) continue
    const names = SETTINGS.map(row => row.name).join(', ')
    throw new SettingInvalid('refdepot section of the config', key, `one of ${names}`)
  }
  const values = SETTINGS.map((row: SettingRow) => {
    const { value, source } = pick(row, sources)
    if (row.allowed !== undefined && !row.allowed.pattern.test(value)) {
      throw new SettingInvalid(source, row.secret === true ? REDACTED : value, row.allowed.wording)
    }
    return [row.name, value]
  })
  return Object.fromEntries(values)
}

function pick(row: SettingRow, sources: SettingSources): { value: string; source: string } {
  const [variable = ''] = row.environment
  const secret =
    row.secret === true ? readSecret(row.name, variable, sources.environment) : undefined
  if (secret !== undefined) return { value: secret, source: `the secret of ${row.name}` }
  const flag = sources.flags[row.name]
  if (flag !== undefined && row.secret !== true) return { value: flag, source: `--${row.name}` }
  for (const name of row.environment) {
    const value = sources.environment[name]
    if (value !== undefined && value !== '') return { value, source: `$${name}` }
  }
  const inFile = sources.file[row.name]
  if (inFile === undefined || inFile === null) return { value: row.default, source: row.name }
  if (typeof inFile === 'string') return { value: inFile, source: `${row.name} in the config` }
  const shown = row.secret === true ? REDACTED : JSON.stringify(inFile)
  throw new SettingInvalid(`${row.name} in the config`, shown, 'a single value')
}

/** The value of a setting as it may be shown: secrets are not. */
export function shownSetting(name: string, value: string): string {
  const row: SettingRow | undefined = SETTINGS.find(setting => setting.name === name)
  if (row?.secret === true && value !== '') return REDACTED
  // A password within an address.
  return value.replace(/^(\w+:\/\/[^:@/\s]*):[^@\s]*@/, `$1:${REDACTED}@`)
}

/** What is allowed for a setting instead of a value; undefined when the value is fine. The name must be one of the table. */
export function settingProblem(name: string, value: string): string | undefined {
  const row: SettingRow | undefined = SETTINGS.find(setting => setting.name === name)
  return row?.allowed?.pattern.test(value) === false ? row.allowed.wording : undefined
}

/** The values of a setting that is a comma-separated list. */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)
}
