/** Which servers, with whose rights, over which network. */
import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type NetworkFlags,
  networkOf,
  numberOf,
  serverAddress,
  serversOf,
} from '../../src/cli/network-flags.ts'

/** A server that answers the credentials it was sent. */
async function echo(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    response.end(JSON.stringify(request.headers.authorization ?? null))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function asked(t: Test, flags: NetworkFlags, env: NodeJS.ProcessEnv, url: string) {
  const notes: string[] = []
  const network = await networkOf(flags, { NETRC: '/nowhere', ...env }, text => notes.push(text))
  t.teardown(() => network.close())
  return { sent: await network.json<string | null>(url), notes }
}

t.test('the token goes to the first server, and nowhere else', async t => {
  const [first, second] = [await echo(t), await echo(t)]
  const env = { REFDEPOT_TOKEN: ' secret\n' }
  const both = { server: [first, second] }
  t.match(await asked(t, both, env, first), { sent: 'Bearer secret', notes: [] })
  t.match(await asked(t, both, env, second), { sent: null })
  t.match(await asked(t, {}, { ...env, REFDEPOT_SERVER: `${second} ${first}` }, second), {
    sent: 'Bearer secret',
  })
  t.match(await asked(t, {}, env, first), { sent: null, notes: [/token is not sent: name its/] })
  const far = { server: ['http://refs.example.org'] }
  t.match(await asked(t, far, env, first), { sent: null, notes: [/without encryption; use https/] })
})

t.test('a token in a file, which others should not read', async t => {
  const url = await echo(t)
  const folder = t.testdir({ token: 'from-file\n', empty: '\n', odd: 'two words' })
  const path = (name: string) => join(folder, name)
  await chmod(path('token'), 0o600)
  const flags = (name: string) => ({ server: [url], tokenFile: path(name) })
  t.match(await asked(t, flags('token'), { REFDEPOT_TOKEN: 'other' }, url), {
    sent: 'Bearer from-file',
    notes: [],
  })
  await chmod(path('token'), 0o644)
  t.match((await asked(t, flags('token'), {}, url)).notes, [/others may read .*chmod 600/])
  for (const name of ['empty', 'odd', 'missing']) {
    const error: Error = await networkOf(flags(name), {}).catch(error => error)
    t.match(error, { code: 'setting-invalid' }, name)
    t.notMatch(error.message, /two words/)
  }
})

t.test('what a host has in .netrc', async t => {
  const url = await echo(t)
  const folder = t.testdir({ netrc: 'machine 127.0.0.1 login me password pw\n' })
  const sent = `Basic ${Buffer.from('me:pw').toString('base64')}`
  t.match(await asked(t, {}, { NETRC: join(folder, 'netrc') }, url), { sent })
})

t.test('certificates of private authorities', async t => {
  const url = await echo(t)
  const folder = t.testdir({ 'ca.pem': '' })
  const file = join(folder, 'ca.pem')
  const env = { SSL_CERT_FILE: file, CURL_CA_BUNDLE: folder, NODE_EXTRA_CA_CERTS: '/nowhere.pem' }
  t.match((await asked(t, { caFile: [file] }, env, url)).notes, [
    /\$CURL_CA_BUNDLE names .* which is no file/,
    /\$NODE_EXTRA_CA_CERTS names \/nowhere.pem/,
  ])
  await t.rejects(networkOf({ caFile: [join(folder, 'none.pem')] }, {}), { code: 'pull-refused' })
})

t.test('addresses and numbers', async t => {
  t.same(serversOf({ server: ['https://a.org/refs//'] }, { REFDEPOT_SERVER: 'https://b.org' }), [
    'https://a.org/refs',
  ])
  t.same(serversOf({}, { REFDEPOT_SERVER: ' https://a.org/ https://b.org' }), [
    'https://a.org',
    'https://b.org',
  ])
  t.same(serversOf({}, {}), [])
  for (const url of [
    'a.org',
    'ftp://a.org',
    'https://u:p@a.org',
    'https://a.org?x=1',
    'http://a b',
  ]) {
    t.throws(() => serverAddress('--server', url), { code: 'setting-invalid' }, url)
  }
  t.throws(() => serverAddress('--server', 'https://u:hidden@a.org'), { message: /^(?!.*hidden)/s })
  t.equal(numberOf('--jobs', undefined, 1, 9), undefined)
  t.equal(numberOf('--jobs', '9', 1, 9), 9)
  for (const text of ['0', '10', '1.5', '-1', 'x', '']) {
    t.throws(() => numberOf('--jobs', text, 1, 9), { code: 'setting-invalid' }, text)
  }
  const network = await networkOf({ retries: '3', timeout: '7' }, { NETRC: '/nowhere' })
  t.match(network, { retries: 3, stall: { seconds: 7 } })
  await network.close()
})

t.test('the token is not shown when a file is no token', async t => {
  const folder = t.testdir({})
  await writeFile(join(folder, 'key'), '-----BEGIN KEY-----\nabc\n')
  await t.rejects(networkOf({ tokenFile: join(folder, 'key') }, {}), { message: /^(?!.*abc)/s })
})
