/** The way to a server: certificates that openssl has made, also through proxies. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { examine } from '../../src/client/doctor/examine.ts'
import { Network } from '../../src/transfer/network.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

/** An https server with a certificate of an authority that nobody knows. */
async function secureServer(t: Test, days: number) {
  const folder = folderRemovedLast(t)
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
