/** The way to a server: certificates, proxies, places in files. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { expiry } from '../../../src/client/doctor/certificate-checks.ts'
import { examine } from '../../../src/client/doctor/examine.ts'
import { blocksIn, blockWith, offsetOf, placeIn } from '../../../src/client/doctor/fasta-place.ts'
import { proxyFor } from '../../../src/client/doctor/proxy-in-the-way.ts'
import { Network } from '../../../src/transfer/network.ts'

/** An https server with a certificate of an authority that nobody knows. */
async function secureServer(t: Test, days: number) {
  const folder = t.testdir({})
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { stdio: 'pipe', cwd: folder })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '30',
    '-subj',
    '/O=Test authority',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'req.pem',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'req.pem',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'cert.pem',
    '-days',
    String(days),
    '-copy_extensions',
    'copy',
  )
  const key = readFileSync(at('key.pem'))
  const server = createServer({ key, cert: readFileSync(at('cert.pem')) }, ({ url }, reply) => {
    if (url === '/down.txt') reply.writeHead(302, { location: 'http://localhost/x.txt' })
    reply.end('hello')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `https://localhost:${port}/x.txt`, ca: at('ca.pem'), port }
}

async function seen(t: Test, url: string, caFiles: string[], env = {}) {
  const network = new Network({ caFiles })
  t.teardown(() => network.close())
  const order = { credentials: false, caFiles, env, origin: 'https://example.org' }
  const { findings } = await examine({ url, network, ...order })
  return new Map(findings.map(finding => [finding.check, finding]))
}

t.test(
  'a certificate of an unknown authority fails, with its authority it is all right',
  async t => {
    const { url, ca } = await secureServer(t, 20)
    const unknown = await seen(t, url, [])
    t.match(unknown.get('tls'), {
      level: 'fail',
      evidence: /certificate of localhost by Test authority.*UNABLE_TO_VERIFY/,
    })
    t.match(unknown.get('tls')?.fix?.advice, /--ca-file/)
    t.match(unknown.get('certificate-expiry'), { level: 'ok', evidence: /19 days|20 days/ })
    const known = await seen(t, url, [ca])
    t.match(known.get('tls'), { level: 'ok', evidence: /TLSv1\.3/ })
    t.match(known.get('server'), { level: 'ok' })
  },
)

t.test('a certificate that ends soon is a warning, one that has ended a fault', t => {
  const now = Date.parse('2026-11-21T00:00:00Z')
  t.match(expiry('Dec 21 00:00:00 2026 GMT', now), { level: 'ok', evidence: /30 days/ })
  t.match(expiry('Nov 30 00:00:00 2026 GMT', now), { level: 'warn', evidence: /9 days/ })
  t.match(expiry('Nov 20 00:00:00 2026 GMT', now), { level: 'fail', evidence: /2026-11-20/ })
  t.end()
})

t.test('through a proxy the certificate of the server is seen', async t => {
  const { url, ca, port } = await secureServer(t, 20)
  const asked: { path: string; user: string | undefined }[] = []
  const proxy = createPlainServer()
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push({ path: request.url ?? '', user: request.headers['proxy-authorization'] })
    const far = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      far.pipe(socket).pipe(far)
    })
    far.on('error', () => {})
    socket.on('error', () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const own = (proxy.address() as { port: number }).port
  const address = `http://user:word@127.0.0.1:${own}`
  const found = await seen(t, url, [ca], { https_proxy: address })
  t.match(found.get('name'), {
    evidence: `looked up by the proxy 127.0.0.1:${own} of $https_proxy`,
  })
  t.match(found.get('tls'), { level: 'ok', evidence: /certificate of localhost/ })
  t.same(asked, [{ path: `localhost:${port}`, user: `Basic ${btoa('user:word')}` }])
  t.notMatch(JSON.stringify([...found]), /word/)
  const gone = await seen(t, url, [ca], { https_proxy: 'http://127.0.0.1:9' })
  t.equal(gone.get('tls')?.level, 'fail')
})

t.test('which proxy stands in the way', t => {
  const env = {
    HTTPS_PROXY: 'http://p:3128',
    http_proxy: 'http://q:1',
    NO_PROXY: 'a.org, .b.org c.org:8443',
  }
  const through = (url: string, more = {}) => proxyFor(new URL(url), { ...env, ...more })?.url.host
  t.equal(through('https://x.org/'), 'p:3128')
  t.equal(through('http://x.org/'), 'q:1')
  t.equal(through('https://a.org/'), undefined)
  t.equal(through('https://sub.a.org/'), undefined)
  t.equal(through('https://sub.b.org/'), undefined)
  t.equal(through('https://c.org/'), 'p:3128')
  t.equal(through('https://c.org:8443/'), undefined)
  t.equal(through('https://x.org/', { no_proxy: '*' }), undefined)
  t.equal(through('https://x.org/', { HTTPS_PROXY: 'nonsense' }), undefined)
  t.end()
})

t.test('places of a FASTA by its indexes', t => {
  const place = placeIn(Buffer.from('a\t10\t3\t5\t6\nb\t1000\t20\t60\t61\n'))
  t.match(place, { sequence: { name: 'b' }, start: 500, end: 561 })
  t.equal(place && offsetOf(place.sequence, 125), 20 + 2 * 61 + 5)
  t.equal(placeIn(Buffer.from('<html>\n')), undefined)
  t.equal(placeIn(Buffer.from('a\tx\t3\t5\t6\n')), undefined)
  t.equal(blocksIn(Buffer.from('short')), undefined)
  t.equal(blocksIn(Buffer.alloc(16)), undefined)
  const gzi = Buffer.alloc(24)
  gzi.writeBigUInt64LE(1n, 0)
  gzi.writeBigUInt64LE(500n, 8)
  gzi.writeBigUInt64LE(65_280n, 16)
  const blocks = blocksIn(gzi) ?? []
  t.same(blocks, [
    { packed: 0, plain: 0 },
    { packed: 500, plain: 65_280 },
  ])
  t.equal(blockWith(blocks, 65_279), 0)
  t.equal(blockWith(blocks, 65_280), 1)
  t.end()
})

t.test('a proxy that refuses, and one behind https', async t => {
  const { url, ca } = await secureServer(t, 20)
  const proxy = createPlainServer()
  proxy.on('connect', (_: IncomingMessage, socket: Socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const { port } = proxy.address() as { port: number }
  const refused = await seen(t, url, [ca], { HTTPS_PROXY: `http://127.0.0.1:${port}` })
  t.match(refused.get('tls'), { level: 'fail', evidence: /proxy answers 403 to CONNECT/ })
  const behind = await seen(t, url, [ca], { HTTPS_PROXY: 'https://127.0.0.1:9' })
  t.match(behind.get('tls'), {
    level: 'fail',
    evidence: /a proxy behind https is not looked through/,
  })
})

t.test('a redirect from https to http is a fault with its fix', async t => {
  const { url, ca } = await secureServer(t, 20)
  const found = await seen(t, url.replace('x.txt', 'down.txt'), [ca])
  t.match([...found.values()].find(({ level }) => level === 'fail')?.evidence, /https to http/)
  const fixes = JSON.stringify([...found.values()].map(({ fix }) => fix))
  t.match(fixes, /redirect to https only/)
})
