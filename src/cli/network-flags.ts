/** Flags of every command that asks servers: which ones, with whose rights, over which network. */
import { statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { SettingInvalid } from '../config/config-error.ts'
import { Credentials, readNetrc } from '../transfer/credentials.ts'
import { Network } from '../transfer/network.ts'
import { toStderr } from './output-lines.ts'
import { packageVersion } from './version.ts'

/** What these flags say. */
export interface NetworkFlags {
  /** In the order of asking; the token is for the first one. */
  readonly server?: readonly string[]
  readonly tokenFile?: string
  readonly caFile?: readonly string[]
  readonly retries?: string
  /** Seconds. */
  readonly timeout?: string
}

/** Collects the values of a flag that may be given several times. */
export function repeatable(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** Gives a command the flags of {@link NetworkFlags} but `--server`, which not every command has. */
export function networkFlags(command: Command): Command {
  return command
    .exitOverride()
    .option(
      '--token-file <FILE>',
      'file with the token for the first server; $REFDEPOT_TOKEN without',
    )
    .option(
      '--ca-file <FILE>',
      'certificates (PEM) of a private authority; repeatable. $SSL_CERT_FILE and its like count too',
      repeatable,
    )
    .option('--retries <N>', 'attempts after the first one (default: 8)')
    .option(
      '--timeout <SECONDS>',
      'wait so long for an answer (default: 60), and for slow bytes (default: 30)',
    )
}

/** Gives a command `--server`. */
export function serverFlag(command: Command): Command {
  return command.option(
    '--server <URL>',
    'refdepot or refgenieserver; repeatable, the first that knows an asset counts ($REFDEPOT_SERVER)',
    repeatable,
  )
}

/**
 * The servers of `--server`, else of `$REFDEPOT_SERVER` (several with blanks between them), without slashes at the end; empty when nobody names one.
 *
 * @throws SettingInvalid
 */
export function serversOf(flags: NetworkFlags, env: NodeJS.ProcessEnv): string[] {
  const inEnvironment = (env.REFDEPOT_SERVER ?? '').split(/[\s,]+/).filter(Boolean)
  return flags.server === undefined
    ? inEnvironment.map(url => serverAddress('$REFDEPOT_SERVER', url))
    : flags.server.map(url => serverAddress('--server', url))
}

/**
 * The address of a server as a flag or variable names it, without slashes at the end.
 *
 * @throws SettingInvalid
 */
export function serverAddress(source: string, url: string): string {
  if (!/^https?:\/\/[^\s?#@/][^\s?#@]*$/.test(url) || !URL.canParse(url)) {
    // A password in it must not be shown.
    const value = url.replace(/\/\/[^@]*@/, '//…@').replace(/[?#].*$/s, '?…')
    throw new SettingInvalid(
      source,
      value,
      'an http or https URL without user, password and query; credentials are read from --token-file or .netrc',
    )
  }
  return url.replace(/\/+$/, '')
}

/**
 * The network as flags and environment say. The token goes to the first server that `--server` or `$REFDEPOT_SERVER` names, and nowhere else.
 *
 * @param note - takes what is worth telling, one sentence each
 * @throws SettingInvalid, PullRefused
 */
export async function networkOf(
  flags: NetworkFlags,
  env: NodeJS.ProcessEnv,
  note: (text: string) => void = toStderr,
): Promise<Network> {
  const seconds = numberOf('--timeout', flags.timeout, 1, 86_400)
  const retries = numberOf('--retries', flags.retries, 0, 1000)
  const ms = seconds === undefined ? undefined : seconds * 1000
  return new Network({
    credentials: await credentialsOf(flags, env, note),
    caFiles: authorityFilesOf(flags, env, note),
    userAgent: `refdepot/${packageVersion()}`,
    ...(retries !== undefined && { retries }),
    ...(ms !== undefined &&
      seconds !== undefined && {
        answerMs: ms,
        connectMs: Math.min(ms, 20_000),
        stall: { bytesPerSecond: 1024, seconds },
      }),
  })
}

/**
 * The number that a flag gives; undefined when it is not given.
 *
 * @throws SettingInvalid
 */
export function numberOf(
  flag: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new SettingInvalid(flag, text, `a number from ${least} to ${most}`)
}

async function credentialsOf(
  flags: NetworkFlags,
  env: NodeJS.ProcessEnv,
  note: (text: string) => void,
): Promise<Credentials> {
  const token = await tokenOf(flags, env, note)
  const netrc = readNetrc(env)
  if (token === '') return new Credentials({}, netrc)
  const [first] = serversOf(flags, env)
  if (first === undefined) {
    note('the token is not sent: name its server with --server or $REFDEPOT_SERVER')
    return new Credentials({}, netrc)
  }
  const { protocol, hostname, origin } = new URL(first)
  if (protocol === 'http:' && !LOOPBACK.test(hostname)) {
    note(`warning: the token goes to ${origin} without encryption; use https`)
  }
  return new Credentials({ [first]: token }, netrc)
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/**
 * The token of `--token-file` or `$REFDEPOT_TOKEN`; empty when nobody gives one. It is never an argument: everybody on the machine can read those.
 *
 * @param note - takes a warning when others may read the file
 * @throws SettingInvalid
 */
export async function tokenOf(
  { tokenFile }: Pick<NetworkFlags, 'tokenFile'>,
  env: NodeJS.ProcessEnv,
  note: (text: string) => void,
): Promise<string> {
  if (tokenFile === undefined) return headerSafe('$REFDEPOT_TOKEN', env.REFDEPOT_TOKEN ?? '')
  try {
    const { mode } = await stat(tokenFile)
    const token = headerSafe('--token-file', await readFile(tokenFile, 'utf8'))
    if ((mode & 0o077) !== 0) {
      note(`warning: others may read ${tokenFile}; protect it with: chmod 600 ${tokenFile}`)
    }
    if (token === '') throw new SettingInvalid('--token-file', tokenFile, 'a file with a token')
    return token
  } catch (error) {
    if (error instanceof SettingInvalid) throw error
    const allowed = `a file that can be read (${(error as Error).message})`
    throw new SettingInvalid('--token-file', tokenFile, allowed)
  }
}

/** A token without blanks around it. What cannot stand in a header is refused without showing it. */
function headerSafe(source: string, text: string): string {
  const token = text.trim()
  if (/^[\x21-\x7e]*$/.test(token)) return token
  throw new SettingInvalid(source, '…', 'one line with a token, without blanks in it')
}

// What curl, Python, OpenSSL and Node.js look at. Node.js forgets its own as soon as others are named.
const AUTHORITY_VARIABLES = [
  'SSL_CERT_FILE',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
]

/** Files with certificates that count beside those of the system, as the flag and the environment name them. */
export function authorityFilesOf(
  flags: NetworkFlags,
  env: NodeJS.ProcessEnv,
  note: (text: string) => void = toStderr,
): string[] {
  const files = new Set(flags.caFile ?? [])
  for (const name of AUTHORITY_VARIABLES) {
    const path = env[name] ?? ''
    if (path === '') continue
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) files.add(path)
    else note(`warning: $${name} names ${path}, which is no file`)
  }
  return [...files]
}
