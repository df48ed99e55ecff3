/** Which proxy of the environment a request goes through: the rules of undici's EnvHttpProxyAgent, which are those of curl. */

type Environment = Readonly<Record<string, string | undefined>>

/** A proxy and the variable that names it. */
export interface ProxyInTheWay {
  readonly variable: string
  readonly url: URL
}

/** The proxy for an address; undefined when it is reached directly. */
export function proxyFor(address: URL, env: Environment): ProxyInTheWay | undefined {
  const secure = address.protocol === 'https:'
  const names = secure ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY']
  const variable = names.find(name => (env[name] ?? '') !== '')
  if (variable === undefined || isExempt(address, env.no_proxy ?? env.NO_PROXY ?? '')) return
  const value = env[variable] ?? ''
  return URL.canParse(value) ? { variable, url: new URL(value) } : undefined
}

/** True when `$NO_PROXY` names the host: `*`, a name, a suffix of names, each with or without a port. */
function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const usual = protocol === 'https:' ? '443' : '80'
  return list
    .split(/[\s,]+/)
    .filter(Boolean)
    .some(entry => {
      if (entry === '*') return true
      const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
      if (only !== undefined && only !== (port || usual)) return false
      const suffix = name.replace(/^\*?\./, '')
      return hostname === suffix || hostname.endsWith(`.${suffix}`)
    })
}
