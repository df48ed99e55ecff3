import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import t, { type Test } from 'tap'
import type { SignedTokenSettings } from '../../src/http/access/signed-token.ts'
import { signedTokenCheck } from '../../src/http/access/signed-token.ts'
import { bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import { mangled } from '../support/mangled.ts'

const HIDDEN = `/t7/assets/${PANEL}`

/** An identity provider on a port of its own: discovery, keys that can change, failures. */
async function identityProvider(t: Test) {
  const keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>()
  const published = new Set<string>()
  let failing = false
  let asked = 0
  const addKey = async (kid: string, publish = true) => {
    keys.set(kid, await generateKeyPair('ES256', { extractable: true }))
    if (publish) published.add(kid)
  }
  await addKey('first')
  const server = createServer(async (request, response) => {
    asked += 1
    if (failing) {
      response.writeHead(500).end('no')
      return
    }
    const body = request.url?.endsWith('/openid-configuration')
      ? { issuer, jwks_uri: `${issuer}/keys` }
      : {
          keys: await Promise.all(
            [...published].map(async kid => ({
              ...(await exportJWK((keys.get(kid) as never as { publicKey: never }).publicKey)),
              kid,
              alg: 'ES256',
            })),
          ),
        }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`
  t.teardown(() => server.close())
  const sign = (claims: object = {}, { kid = 'first', age = 0 } = {}) => {
    const now = Math.floor(Date.now() / 1000) + age
    return new SignJWT({
      iss: issuer,
      aud: 'refdepot',
      sub: 'alice',
      exp: now + 300,
      iat: now,
      scope: 'staff',
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign((keys.get(kid) as never as { privateKey: never }).privateKey)
  }
  const settings: SignedTokenSettings = {
    issuer,
    audience: 'refdepot',
    claim: 'scope',
    scopes: new Map([
      ['staff', [`read:t7/${PANEL}`]],
      ['boss', ['admin']],
    ]),
  }
  return {
    issuer,
    settings,
    sign,
    addKey,
    publish: (kid: string) => published.add(kid),
    withdraw: (kid: string) => published.delete(kid),
    fail: (on: boolean) => {
      failing = on
    },
    asked: () => asked,
  }
}

t.test('tokens of an identity provider count for what their claims mean here', async t => {
  const provider = await identityProvider(t)
  const { app, audit } = await controlledApp(t, {
    identityProvider: provider.settings,
    gate: { free: 1000 },
  })
  const status = async (token: string, url = HIDDEN) =>
    (await app.inject({ url, headers: bearer(token) })).statusCode
  t.equal(await status(await provider.sign()), 200)
  t.equal(await status(await provider.sign({ scope: 'other staff' })), 200)
  t.equal(await status(await provider.sign({ scope: ['staff'] })), 200, 'a list')
  t.equal(
    await status(await provider.sign({ scope: 'refdepot:PANEL-7.READ' })),
    200,
    'a scope of ours by name',
  )
  t.equal(
    await status(await provider.sign({ scope: 'PANEL-7.READ admin read:*' })),
    404,
    'words of others are not scopes of ours',
  )
  t.equal(
    await status(
      await provider.sign({ scope: 'refdepot:admin refdepot:introspect refdepot:x' }),
      '/admin/tokens',
    ),
    403,
    'nobody makes an administrator of himself',
  )
  t.equal(await status(await provider.sign({ scope: undefined })), 404)
  t.equal(await status(await provider.sign({ scope: 7 })), 404)
  t.equal(await status(await provider.sign({ scope: 'boss' }), '/admin/tokens'), 200)
  t.equal(await status(await provider.sign(), '/admin/tokens'), 403)
  await app.inject({ url: `${HIDDEN}/archive`, headers: bearer(await provider.sign()) })
  t.ok((await audit()).some(({ actor, action }) => actor === 'oidc alice' && action === 'read'))
  t.equal(provider.asked(), 2, 'keys are fetched once')
})

t.test('tokens that are not right count for nothing', async t => {
  const provider = await identityProvider(t)
  const { app } = await controlledApp(t, {
    identityProvider: provider.settings,
    gate: { free: 1000 },
  })
  await provider.addKey('strange', false)
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: provider.issuer,
    aud: 'refdepot',
    sub: 'alice',
    exp: now + 300,
    scope: 'boss staff',
  }
  const good = await provider.sign()
  const [head = '', body = '', mark = ''] = good.split('.')
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const hs256 = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'first' })
    .sign(Buffer.from(JSON.stringify(await exportJWK(publicKey))))
  for (const [why, token] of [
    ['alg none', new UnsecuredJWT(claims).encode()],
    ['a shared secret', hs256],
    ['wrong issuer', await provider.sign({ iss: 'https://elsewhere' })],
    ['no issuer', await provider.sign({ iss: undefined })],
    ['wrong audience', await provider.sign({ aud: 'another' })],
    ['no audience', await provider.sign({ aud: undefined })],
    ['expired', await provider.sign({ exp: now - 120 })],
    ['no expiry', await provider.sign({ exp: undefined })],
    ['not yet', await provider.sign({ nbf: now + 600 })],
    ['nobody', await provider.sign({ sub: undefined })],
    ['unknown key', await provider.sign({}, { kid: 'strange' })],
    [
      'another body',
      `${head}.${Buffer.from(JSON.stringify({ ...claims, scope: 'boss' })).toString('base64url')}.${mark}`,
    ],
    ['another signature', `${head}.${body}.${mangled(mark, -4)}`],
    ['no signature', `${head}.${body}.`],
    ['no JSON', `eyJx.${body}.${mark}`],
  ] as const) {
    const answer = await app.inject({ url: HIDDEN, headers: bearer(token) })
    t.equal(answer.statusCode, 404, why)
    t.match(answer.headers['www-authenticate'], /invalid_token/, why)
  }
  for (const [why, token] of [
    ['a clock that goes ahead', await provider.sign({ nbf: now + 30, iat: now + 30 })],
    ['a clock that goes behind', await provider.sign({ exp: now - 30 })],
  ] as const) {
    t.equal((await app.inject({ url: HIDDEN, headers: bearer(token) })).statusCode, 200, why)
  }
})

t.test('keys may be changed', async t => {
  const provider = await identityProvider(t)
  const check = signedTokenCheck({ ...provider.settings, keyCooldownMs: 0 })
  t.match(await check(await provider.sign()), { subject: 'alice' })
  await provider.addKey('second')
  t.match(
    await check(await provider.sign({}, { kid: 'second' })),
    { subject: 'alice' },
    'an unknown key id makes the keys be fetched again',
  )
  provider.withdraw('first')
  await provider.addKey('third')
  t.match(await check(await provider.sign({}, { kid: 'third' })), { subject: 'alice' })
  t.equal(await check(await provider.sign()), undefined, 'a key that was withdrawn')
})

t.test('keys that cannot be fetched are no wrong token', async t => {
  const provider = await identityProvider(t)
  const { app } = await controlledApp(t, { identityProvider: provider.settings })
  provider.fail(true)
  const answer = await app.inject({
    url: '/t7/assets/fasta',
    headers: bearer(await provider.sign()),
  })
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '10')
  t.match(answer.json(), {
    code: 'issuer-unreachable',
    detail: /keys of its issuer cannot be fetched/,
  })
  provider.fail(false)
  t.equal(
    (await app.inject({ url: HIDDEN, headers: bearer(await provider.sign()) })).statusCode,
    200,
    'it is tried again',
  )
  for (const settings of [
    { ...provider.settings, jwks: `${provider.issuer}/keys` },
    { ...provider.settings, issuer: provider.issuer, jwks: 'http://127.0.0.1:9/keys' },
  ]) {
    const check = signedTokenCheck(settings)
    if (settings.jwks.includes(':9/'))
      await t.rejects(check(await provider.sign()), { code: 'issuer-unreachable' })
    else t.match(await check(await provider.sign()), { subject: 'alice' })
  }
  provider.fail(true)
  await t.rejects(
    signedTokenCheck({ ...provider.settings, jwks: `${provider.issuer}/keys` })(
      await provider.sign(),
    ),
    { code: 'issuer-unreachable' },
  )
  const nowhere = signedTokenCheck({ ...provider.settings, issuer: 'http://127.0.0.1:9' })
  await t.rejects(nowhere(await provider.sign()), { code: 'issuer-unreachable' })
})

t.test('claims may lie deeper', async t => {
  const provider = await identityProvider(t)
  const check = signedTokenCheck({ ...provider.settings, claim: 'realm_access.roles' })
  t.match(await check(await provider.sign({ realm_access: { roles: ['boss'] } })), {
    scopes: ['admin'],
  })
  t.match(await check(await provider.sign({ realm_access: { roles: [['boss'], 7] } })), {
    scopes: [],
  })
  t.match(await check(await provider.sign()), { scopes: [] })
})

t.test('links and introspection know signed tokens', async t => {
  const provider = await identityProvider(t)
  const { app } = await controlledApp(t, { identityProvider: provider.settings })
  const now = Math.floor(Date.now() / 1000)
  const token = await provider.sign({ exp: now + 100 })
  const link = (await app.inject({ url: `${HIDDEN}/url`, headers: bearer(token) })).json()
  t.ok(Date.parse(link.expires_at) <= (now + 100) * 1000, 'no longer than the token')
  t.equal((await app.inject(link.url.replace('http://localhost:80', ''))).statusCode, 200)
  const answer = await app.inject({
    method: 'POST',
    url: '/auth/introspect',
    headers: bearer(token),
    payload: { token },
  })
  t.match(answer.json(), {
    active: true,
    sub: 'oidc alice',
    scope: `read:t7/${PANEL}`,
    exp: now + 100,
  })
  const login = await app.inject({ method: 'POST', url: '/login', payload: { token } })
  t.equal(login.statusCode, 401, 'a browser logs in with a token of ours')
})

t.test('tokens that were good once are no guesses', async t => {
  const provider = await identityProvider(t)
  const { app } = await controlledApp(t, { identityProvider: provider.settings, gate: { free: 2 } })
  const now = Math.floor(Date.now() / 1000)
  for (let i = 0; i < 20; i += 1) {
    const token = await provider.sign({ exp: now - 1000 - i })
    const answer = await app.inject({ url: '/genomes', headers: bearer(token) })
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['www-authenticate'], /the token is expired/)
  }
  t.equal(
    (await app.inject({ url: HIDDEN, headers: bearer(await provider.sign()) })).statusCode,
    200,
  )
})
