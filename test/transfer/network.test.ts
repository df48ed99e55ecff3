/** Requests: whom credentials go to, what failures are told as, proxies and private authorities. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { RemoteFailed } from '../../src/domain/transfer-errors.ts'
import { Credentials, readNetrc } from '../../src/transfer/credentials.ts'
import { Network } from '../../src/transfer/network.ts'
import { refusalOf, shown } from '../../src/transfer/network-answer.ts'
import { failureOf } from '../../src/transfer/network-failure.ts'
import { retryAfterOf } from '../../src/transfer/retry-after.ts'
import { rangeServer } from '../support/range-server.ts'
import { unknownName } from '../support/unknown-name.ts'

const quick = (t: Test, options: ConstructorParameters<typeof Network>[0] = {}) => {
  const network = new Network({ retries: 3, pauseMs: 1, connectMs: 500, answerMs: 500, ...options })
  t.teardown(() => network.close())
  return network
}

t.test('a token goes to its server and nowhere else', async t => {
  const store = await rangeServer(t, { a: Buffer.from('content') })
  const server = await rangeServer(t, {}, ({ request, response }) => {
    const other = request.url === '/there'
    const location = other ? `${store.url}/a?signature=s` : '/there'
    response.writeHead(307, { location }).end('moved')
    return true
  })
  const network = quick(t, { credentials: new Credentials({ [server.url]: 'secret' }) })
  const content = await network.bytes(`${server.url}/here`)
  t.equal(content.toString(), 'content')
  t.strictSame(
    server.requests.map(({ authorization }) => authorization),
    ['Bearer secret', 'Bearer secret'],
  )
  t.equal(store.requests[0]?.authorization, undefined)
  const answer = await network.request(`${server.url}/here`, { follow: false, authorized: false })
  t.equal(answer.status, 307)
  answer.body.resume()
  t.equal(server.requests.at(-1)?.authorization, undefined)
})

t.test('redirects that are not followed', async t => {
  const server = await rangeServer(t, {}, ({ request, response }) => {
    const odd: Record<string, string> = { '/ftp': 'ftp://x/y', '/none': 'http://[' }
    const location = odd[request.url ?? ''] ?? '/again'
    response.writeHead(302, { location }).end()
    return true
  })
  const network = quick(t)
  await t.rejects(network.request(`${server.url}/a`), { message: /redirects more than 5 times/ })
  for (const path of ['ftp', 'none']) {
    const refused = { fault: 'answer', message: /no http address/ }
    await t.rejects(network.request(`${server.url}/${path}`), refused)
  }
})

t.test('hosts of a .netrc', async t => {
  const file = `
# machine commented.example login x password y
machine one.example login anna password p1
machine two.example
  login "b o b"
  password "q\\"2"
machine one.example login later password no
macdef init
  machine macro.example login m password n

default login everybody password nope
`
  const credentials = new Credentials({ 'https://three.example/base': 't' }, file)
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  t.equal(credentials.headerFor('https://one.example/x'), basic('anna:p1'))
  t.equal(credentials.headerFor('http://TWO.example:81/'), basic('b o b:q"2'))
  t.equal(credentials.headerFor('https://three.example/y'), 'Bearer t')
  for (const host of ['commented', 'macro', 'other']) {
    t.equal(credentials.headerFor(`https://${host}.example/`), undefined)
  }
  t.equal(credentials.headerFor('http://three.example/'), undefined, 'another origin')
  const netrc = join(t.testdir({ netrc: 'machine x login y password z' }), 'netrc')
  t.match(readNetrc({ NETRC: netrc }), /machine x/)
  t.equal(readNetrc({ HOME: t.testdirName }), '')
  t.equal(readNetrc({}), '')
})

t.test('failures are told apart', async t => {
  const network = quick(t)
  const faultOf = (url: string, asked = network) =>
    asked.bytes(url, {}, 1000).then(
      () => 'none',
      error => (error instanceof RemoteFailed ? error.fault : String(error)),
    )
  unknownName(t, 'no-such-host.invalid')
  t.equal(await faultOf('http://no-such-host.invalid/'), 'dns')
  t.equal(await faultOf('http://127.0.0.1:9/?secret=1'), 'connect')
  const server = await rangeServer(t, { long: Buffer.alloc(2000) }, ({ request, response }) => {
    const status = Number(request.url?.slice(1))
    if (request.url === '/reset') return !!request.socket.resetAndDestroy()
    if (request.url === '/silent') return true
    if (request.url === '/half') {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => response.destroy())
      return true
    }
    if (!(status > 0)) return false
    response.writeHead(status, { 'retry-after': '0' }).end('why not')
    return true
  })
  const at = (path: string) => faultOf(`${server.url}/${path}`)
  t.equal(await at('reset'), 'broken-off')
  t.equal(await at('silent'), 'timeout')
  t.equal(await at('half'), 'broken-off')
  t.equal(await at('404'), 'not-found')
  t.equal(await at('410'), 'gone')
  t.equal(await at('401'), 'denied')
  t.equal(await at('403'), 'denied')
  t.equal(await at('407'), 'proxy')
  t.equal(await at('429'), 'busy')
  t.equal(await at('503'), 'busy')
  t.equal(await at('500'), 'server-error')
  t.equal(await at('408'), 'server-error')
  t.equal(await at('418'), 'answer')
  t.equal(await at('long'), 'answer', 'longer than expected')
  const asked = (path: string) => server.requests.filter(r => r.path === `/${path}`).length
  t.equal(asked('503'), 4, 'what may pass is tried again')
  t.equal(asked('404'), 1, 'what is final is not')
})

t.test('what a refusal says', async t => {
  const said = ['{"detail":"no such genome"}', '{"message":"m"}', '<html>x', 'plain\n text', '']
  const server = await rangeServer(t, {}, ({ request, response }) => {
    response.writeHead(404).end(said[Number(request.url?.slice(1))])
    return true
  })
  const network = quick(t)
  const messages: string[] = []
  for (const i of said.keys()) {
    const answer = await network.request(`${server.url}/${i}`)
    messages.push((await refusalOf(answer)).message.replace(server.url, ''))
  }
  t.strictSame(messages, [
    '/0 answers 404: no such genome',
    '/1 answers 404: m',
    '/2 answers 404 with a page for people',
    '/3 answers 404: plain text',
    '/4 answers 404',
  ])
  t.equal(shown('https://user:pass@h.example/p?signature=x#y'), 'https://h.example/p')
})

t.test('JSON and what is none', async t => {
  const server = await rangeServer(t, { good: Buffer.from('{"a":1}'), bad: Buffer.from('<html>') })
  const network = quick(t)
  t.strictSame(await network.json(`${server.url}/good`), { a: 1 })
  await t.rejects(network.json(`${server.url}/bad`), {
    message: /answers what is no JSON: "<html>"/,
  })
})

t.test('a stopped request throws the reason', async t => {
  const server = await rangeServer(t, {}, () => true)
  const stop = new AbortController()
  const asked = quick(t).bytes(server.url, { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await t.rejects(asked, { message: 'enough' })
})

t.test('a network that is ended ends its requests and pauses', async t => {
  const silent = await rangeServer(t, {}, () => true)
  const failing = await rangeServer(t, {}, ({ response }) => !!response.writeHead(500).end())
  for (const [url, pauseMs] of [
    [silent.url, 1],
    [failing.url, 60_000],
  ] as const) {
    const stop = new AbortController()
    const network = quick(t, { answerMs: 60_000, pauseMs })
    network.endWith(stop.signal)
    const asked = network.bytes(url)
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await t.rejects(asked)
  }
})

t.test('a certificate of a private authority', async t => {
  const fixture = (name: string) =>
    fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))
  const [key, cert] = [fixture('key.pem'), fixture('cert.pem')]
  const server = createTlsServer(
    { key: await readFile(key), cert: await readFile(cert) },
    (_, response) => {
      response.end('{}')
    },
  )
  server.listen(0)
  await new Promise(done => server.once('listening', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  await t.rejects(quick(t).json(url), { message: /--ca-file or \$SSL_CERT_FILE/ })
  t.strictSame(await quick(t, { caFiles: [cert] }).json(url), {})
  t.throws(() => new Network({ caFiles: [`${cert}.none`] }), /none cannot be read/)
})

t.test('a proxy of the environment', async t => {
  const origin = await rangeServer(t, { a: Buffer.from('"content"') })
  const asked: string[] = []
  let isRefusing = false
  const proxy = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (isRefusing) {
      response.writeHead(407).end()
      return
    }
    const answer = await fetch(request.url ?? '')
    response.writeHead(answer.status).end(await answer.text())
  })
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    const [host, port] = (request.url ?? '').split(':')
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
  })
  proxy.listen(0, '127.0.0.1')
  await new Promise(done => proxy.once('listening', done))
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const { http_proxy: old, no_proxy: oldNo } = process.env
  t.teardown(() => {
    for (const [name, value] of Object.entries({ http_proxy: old, no_proxy: oldNo })) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  process.env.http_proxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  process.env.no_proxy = ''
  const network = quick(t)
  t.equal(await network.json(`${origin.url}/a`), 'content')
  t.strictSame(asked, [`GET ${origin.url}/a`], 'plain requests are not tunnelled')
  isRefusing = true
  await t.rejects(network.json(`${origin.url}/a`), { message: /the proxy|407/ })
  process.env.no_proxy = '127.0.0.1'
  t.equal(await quick(t).json(`${origin.url}/a`), 'content', 'not for hosts of $NO_PROXY')
})

t.test('a closed network waits for nothing more', async t => {
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.writeHead(503, { 'retry-after': '600' }).end()
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const network = new Network({ retries: 3, pauseMs: 1 })
  const answer = network.json(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  answer.catch(() => {})
  while (asked === 0) await new Promise(done => setTimeout(done, 5))
  await new Promise(done => setTimeout(done, 50))
  await network.close()
  await t.rejects(answer)
  t.equal(asked, 1)
})

t.test('Retry-After in both forms', async t => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  t.equal(retryAfterOf(undefined), undefined)
  t.equal(retryAfterOf('7', now), 7000)
  t.equal(retryAfterOf('99999', now), 600_000, 'ten minutes at the most')
  t.equal(retryAfterOf('Sat, 21 Nov 2026 12:00:30 GMT', now), 30_000)
  t.equal(retryAfterOf('Sat, 21 Nov 2026 11:00:30 GMT', now), 0)
  t.equal(retryAfterOf('soon', now), undefined)
})

t.test('errors of the system', async t => {
  const fault = (code: string, message = 'x') =>
    failureOf('h', Object.assign(new Error(message), { code })).fault
  t.equal(fault('EAI_AGAIN'), 'connect', 'a name server that does not answer now')
  t.equal(fault('ENOTFOUND'), 'dns')
  t.equal(fault('HPE_INVALID_CONSTANT'), 'answer')
  t.equal(fault('CERT_HAS_EXPIRED'), 'tls')
  t.equal(fault('ERR_X', 'Proxy response (403) !== 200 when HTTP Tunneling'), 'proxy')
  t.equal(failureOf('h', new Error('odd'), 'answer').fault, 'answer')
  const known = new RemoteFailed('busy', 'm')
  t.equal(failureOf('h', known), known)
})
