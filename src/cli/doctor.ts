/** `refdepot doctor`: what was found, one line a check, and what to change. */
import { type Examination, examine } from '../client/doctor/examine.ts'
import type { Finding } from '../client/doctor/finding.ts'
import type { ClientName } from '../client/doctor/replay-client.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { Credentials, readNetrc } from '../transfer/credentials.ts'
import { shown } from '../transfer/network-answer.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT } from './exit-codes.ts'
import { authorityFilesOf, type NetworkFlags, networkOf } from './network-flags.ts'

/** Flags of the command. */
export interface DoctorFlags extends NetworkFlags {
  readonly as?: ClientName
  readonly origin?: string
  readonly json?: boolean
}

// Pages that really read from other servers.
const ORIGINS: Partial<Record<ClientName, string>> = {
  igv: 'https://igv.org',
  jbrowse: 'https://jbrowse.org',
}

/** Prints the findings; answers 1 when something fails, else 0. */
export async function runDoctor(url: string, given: DoctorFlags): Promise<number> {
  const { env } = process
  const address = addressOf(url)
  const origin = originOf(given)
  const flags = withClientSettings({ ...given, server: [address.origin] }, env)
  const network = await networkOf(flags, env)
  const hasToken = flags.tokenFile !== undefined || (env.REFDEPOT_TOKEN ?? '') !== ''
  const inNetrc = new Credentials({}, readNetrc(env)).headerFor(address.href) !== undefined
  const found = await examine({
    url: address.href,
    network,
    credentials: hasToken || inNetrc,
    // What is wrong with these was told already.
    caFiles: authorityFilesOf(flags, env, () => {}),
    env,
    origin,
    ...(flags.as !== undefined && { as: flags.as }),
  }).finally(() => network.close())
  const failed = found.findings.some(({ level }) => level === 'fail')
  const text =
    flags.json === true ? jsonText(address, flags, found) : findingsText(address, flags, found)
  process.stdout.write(text)
  return failed ? EXIT.failed : EXIT.ok
}

function addressOf(url: string): URL {
  const right = /^https?:\/\/[^\s/@]+(?:\/[^\s]*)?$/.test(url) && URL.canParse(url)
  if (!right) {
    const allowed = 'an http or https URL without user and password; --token-file has credentials'
    throw new SettingInvalid('URL', shown(url), allowed)
  }
  const address = new URL(url)
  address.hash = ''
  return address
}

function originOf({ origin, as }: DoctorFlags): string {
  if (origin === undefined) return (as && ORIGINS[as]) ?? 'https://example.org'
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin
  throw new SettingInvalid('--origin', shown(origin), 'an origin, such as https://igv.org')
}

function jsonText(address: URL, { as }: DoctorFlags, { server, findings }: Examination): string {
  const examination = {
    url: shown(address.href),
    as: as ?? null,
    software: server?.shown ?? null,
    ok: !findings.some(({ level }) => level === 'fail'),
    findings,
  }
  return `${JSON.stringify(examination, null, 2)}\n`
}

function findingsText(
  address: URL,
  { as }: DoctorFlags,
  { server, findings }: Examination,
): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const told = new Set<string>()
  const kinds = snippetKinds(server)
  const lines = findings.map(finding => {
    const { level, check, evidence } = finding
    // Much of it are words of the server: they are not to steer a terminal.
    const words = evidence.replace(/\p{Cc}/gu, '?')
    const line = `${level.padEnd(5)} ${check.padEnd(width)}  ${words}\n`
    return line + fixText(finding, kinds, told)
  })
  const count = (level: Finding['level']) => findings.filter(it => it.level === level).length
  const who = as === undefined ? '' : ` as ${as}`
  const sum = `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`
  return `${shown(address.href)}${who}\n${lines.join('')}${sum}\n`
}

/** The fix, and the lines for what may serve there; what stands above already is not told again. */
function fixText({ fix }: Finding, kinds: readonly SnippetKind[], told: Set<string>): string {
  if (fix === undefined || told.has(fix.advice)) return ''
  told.add(fix.advice)
  const snippets = kinds.flatMap(kind => {
    const snippet = fix[kind]
    if (snippet === undefined) return []
    if (told.has(snippet)) return [`        ${kind}: as above`]
    told.add(snippet)
    return [`        ${kind}:`, ...indented(snippet)]
  })
  return `${[`      fix: ${fix.advice}`, ...snippets].join('\n')}\n`
}

type SnippetKind = 'nginx' | 's3' | 'refdepot'

/** Which snippets may help; what serves is often behind nginx. */
function snippetKinds(server: Examination['server']): readonly SnippetKind[] {
  if (server?.name === 'refdepot') return ['refdepot', 'nginx']
  if (/AmazonS3|minio|ceph/i.test(server?.shown ?? '')) return ['s3']
  return /nginx/i.test(server?.shown ?? '') ? ['nginx', 'refdepot'] : ['nginx', 's3', 'refdepot']
}

function indented(snippet: string): string[] {
  return snippet.split('\n').map(line => `          ${line}`)
}
