/** Whom a server takes the client for: a token, or what `.netrc` has of its host. Never an argument of a command. */
import { readFileSync } from 'node:fs'

/** Credentials by origin. */
export class Credentials {
  readonly #tokens = new Map<string, string>()
  readonly #hosts: ReadonlyMap<string, NetrcEntry>

  /**
   * @param tokens - token by address of a server; it counts for the origin of that address only
   * @param netrc - the text of a `.netrc`
   */
  constructor(tokens: Readonly<Record<string, string>>, netrc = '') {
    for (const [url, token] of Object.entries(tokens)) this.#tokens.set(originOf(url), token)
    this.#hosts = netrcEntries(netrc)
  }

  /** Value of `Authorization` for an address; undefined when there are no credentials for its origin. */
  headerFor(url: string): string | undefined {
    const token = this.#tokens.get(originOf(url))
    if (token !== undefined) return `Bearer ${token}`
    const { hostname } = new URL(url)
    const entry = this.#hosts.get(hostname)
    return entry && `Basic ${Buffer.from(`${entry.login}:${entry.password}`).toString('base64')}`
  }
}

/** A `.netrc` as text; empty when there is none. `$NETRC` names another file, as for curl 7.84 and wget. */
export function readNetrc(env: NodeJS.ProcessEnv): string {
  const path = env.NETRC ?? (env.HOME === undefined ? undefined : `${env.HOME}/.netrc`)
  if (path === undefined || path === '') return ''
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // As in curl: a file that cannot be read is none.
    return ''
  }
}

interface NetrcEntry {
  readonly login: string
  readonly password: string
}

/** Hosts of a `.netrc`: words in any order and on any lines (netrc(5)); macros end at an empty line. `default` is not taken: it would go to every server. */
function netrcEntries(text: string): Map<string, NetrcEntry> {
  const entries = new Map<string, NetrcEntry>()
  const words = text
    .replace(/^\s*macdef\s[\s\S]*?(?:\n\s*\n|(?![\s\S]))/gm, '\n')
    .replace(/^\s*#.*$/gm, '')
    .match(/"(?:[^"\\]|\\.)*"|\S+/g)
  const rest = (words ?? []).values()
  const next = () => unquoted(rest.next().value ?? '')
  let host: string | undefined
  let login = ''
  for (const word of rest) {
    if (word === 'machine') {
      host = next().toLowerCase()
      login = ''
    } else if (word === 'default') host = undefined
    else if (word === 'login') login = next()
    else if (word === 'password') {
      const password = next()
      // The first entry of a host counts, as in curl.
      if (host !== undefined && !entries.has(host)) entries.set(host, { login, password })
    }
  }
  return entries
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word
}

function originOf(url: string): string {
  return new URL(url).origin
}
