import t, { type Test } from 'tap'
import { basic, bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'

const HTML = { accept: 'text/html' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const SAME = { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
const form = (values: Record<string, string>) => new URLSearchParams(values).toString()

async function loggedIn(t: Test, caller: 'right' | 'admin' = 'admin', settings = {}) {
  const started = await controlledApp(t, {}, settings)
  const { app, callers } = started
  const payload = form({ token: callers[caller] as string, next: '/t7/assets' })
  const answer = await app.inject({
    method: 'POST',
    url: '/login',
    headers: { ...FORM, ...SAME },
    payload,
  })
  const [cookie = ''] = [answer.headers['set-cookie'] ?? []].flat()
  const session = { cookie: String(cookie).split(';')[0] as string }
  return { ...started, answer, cookie, session }
}

t.test('a browser logs in with a token, sees more, and logs out', async t => {
  const { app, answer, cookie, session, callers } = await loggedIn(t, 'right')
  t.match([answer.statusCode, answer.headers.location], [303, '/t7/assets'])
  t.match(cookie, /^refdepot_session=[\w-]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/)
  t.notMatch(cookie, callers.right, 'the token itself stays out of the browser')
  const page = await app.inject({ url: `/t7/assets/${PANEL}`, headers: { ...HTML, ...session } })
  t.equal(page.statusCode, 200)
  t.match(page.body, /token right/)
  t.notMatch(page.body, /\/admin\/tokens/)
  t.match(page.headers['cache-control'], /^private/)
  const anonymous = await app.inject({ url: '/genomes', headers: HTML })
  t.match(anonymous.body, /<a href="\/login">Log in<\/a>/)
  const shown = await app.inject({ url: '/login', headers: { ...HTML, ...session } })
  t.match(shown.body, /You are logged in with <strong>token right<\/strong>/)
  const out = await app.inject({ method: 'POST', url: '/logout', headers: { ...session, ...SAME } })
  t.match([out.statusCode, out.headers.location], [303, '/login'])
  t.match(out.headers['set-cookie'], /refdepot_session=; .*Expires=Thu, 01 Jan 1970/)
  t.equal(
    (await app.inject({ url: `/t7/assets/${PANEL}`, headers: session })).statusCode,
    404,
    'the cookie is dead, wherever it still is',
  )
  t.equal(
    (await app.inject({ method: 'POST', url: '/logout', headers: SAME })).statusCode,
    303,
    'logging out twice',
  )
})

t.test('a login lasts no longer than its token', async t => {
  const { app, state, callers } = await controlledApp(t)
  const { token } = await (await state.open()).tokens.create({
    name: 'short',
    scopes: ['admin'],
    by: 'me',
    expiresAt: new Date(Date.now() + 60_000),
  })
  const log = (value: string) =>
    app.inject({ method: 'POST', url: '/login', headers: FORM, payload: form({ token: value }) })
  const until = (answer: Awaited<ReturnType<typeof log>>) =>
    Date.parse(/Expires=([^;]+)/.exec(String(answer.headers['set-cookie']))?.[1] as string) -
    Date.now()
  t.ok(until(await log(token)) <= 60_000)
  const day = until(await log(`  ${callers.admin}\n`))
  t.ok(day > 11 * 3600_000 && day <= 12 * 3600_000, 'half a day')
})

t.test('a cookie over https is for https only, and for the base path', async t => {
  const { app, callers } = await controlledApp(
    t,
    {},
    { publicUrl: 'https://genomes.example.org/depot', basePath: '/depot' },
  )
  const answer = await app.inject({
    method: 'POST',
    url: '/depot/login',
    headers: { ...FORM, origin: 'https://genomes.example.org' },
    payload: form({ token: callers.right as string }),
  })
  t.match(answer.headers['set-cookie'], /Path=\/depot; .*HttpOnly; Secure; SameSite=Lax/)
  t.equal(answer.headers.location, '/depot/genomes')
})

t.test('what is not accepted is told on the page, without the token', async t => {
  const { app, callers } = await controlledApp(t)
  for (const [token, reason] of [
    [callers.revoked, 'the token is revoked'],
    [callers.expired, 'the token is expired'],
    ['<script>', 'unknown token'],
  ] as const) {
    const answer = await app.inject({
      method: 'POST',
      url: '/login',
      headers: FORM,
      payload: form({ token: token as string }),
    })
    t.equal(answer.statusCode, 401)
    t.match(answer.body, `This token is not accepted: ${reason}.`)
    t.notOk(answer.body.includes(token as string))
    t.equal(answer.headers['set-cookie'], undefined)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
  t.equal(
    (await app.inject({ method: 'POST', url: '/login', headers: FORM, payload: '' })).statusCode,
    400,
  )
})

t.test('a login leads nowhere else', async t => {
  const { app, callers } = await controlledApp(t)
  for (const next of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:x',
    '/a\r\nset-cookie: x',
    '',
  ]) {
    const answer = await app.inject({
      method: 'POST',
      url: '/login',
      headers: FORM,
      payload: form({ token: callers.right as string, next }),
    })
    t.equal(answer.headers.location, '/genomes', next)
    const page = await app.inject({ url: `/login?next=${encodeURIComponent(next)}`, headers: HTML })
    t.match(page.body, 'name="next" value="/genomes"')
  }
})

t.test('other sites cannot act for a browser that is logged in here', async t => {
  const { app, session, callers } = await loggedIn(t)
  const payload = form({ name: 'evil', scopes: 'admin', token: callers.admin as string })
  const post = (headers: Record<string, string>, url = '/admin/tokens') =>
    app.inject({ method: 'POST', url, headers: { ...FORM, ...headers }, payload })
  for (const headers of [
    { ...session, origin: 'https://evil.example' },
    { ...session, origin: 'null' },
    { ...session, 'sec-fetch-site': 'cross-site' },
    { ...session, 'sec-fetch-site': 'same-site' },
    { ...session, origin: 'http://localhost', 'sec-fetch-site': 'cross-site' },
    { ...session },
    { ...basic('x', callers.admin as string), origin: 'https://evil.example' },
  ]) {
    t.equal((await post(headers)).statusCode, 403, JSON.stringify(headers).slice(0, 120))
    t.equal((await post(headers, '/admin/tokens/right/revoke')).statusCode, 403)
  }
  t.equal(
    (await post({ origin: 'https://evil.example' }, '/login')).statusCode,
    403,
    'nobody is logged in from elsewhere either',
  )
  t.equal((await post({ ...session, origin: 'https://evil.example' }, '/logout')).statusCode, 403)
  t.equal(
    (await app.inject({ url: '/admin/tokens/evil', headers: bearer(callers.admin) })).statusCode,
    404,
  )
  const cors = await app.inject({
    url: '/admin/tokens',
    headers: { ...session, origin: 'https://evil.example' },
  })
  t.equal(
    cors.headers['access-control-allow-credentials'],
    undefined,
    'an answer with a cookie can be read by this site only',
  )
})

t.test('administrators make, see and revoke tokens', async t => {
  const { app, callers, get, audit } = await controlledApp(t)
  const admin = bearer(callers.admin)
  const made = await app.inject({
    method: 'POST',
    url: '/admin/tokens',
    headers: admin,
    payload: { name: 'new', scopes: [`read:t7/${PANEL}`], expires: '1h' },
  })
  t.equal(made.statusCode, 201)
  t.equal(made.headers['cache-control'], 'no-store')
  const { token, ...record } = made.json()
  t.match(record, {
    name: 'new',
    state: 'valid',
    scopes: [`read:t7/${PANEL}`],
    created_by: 'token admin',
    last_used_at: null,
  })
  t.equal(
    (await app.inject({ url: `/t7/assets/${PANEL}`, headers: bearer(token) })).statusCode,
    200,
  )
  await audit()
  const shown = await get('/admin/tokens/new', 'admin')
  t.match(shown.json(), { ...record, last_used_at: /^\d{4}-/ })
  t.notOk(shown.body.includes(token))
  const list = await get('/admin/tokens', 'admin')
  t.ok(list.json().some(({ name }: { name: string }) => name === 'new'))
  for (const secret of Object.values(callers))
    t.notOk(secret !== undefined && list.body.includes(secret))
  const again = await app.inject({
    method: 'POST',
    url: '/admin/tokens',
    headers: admin,
    payload: { name: 'new', scopes: ['admin'] },
  })
  t.match([again.statusCode, again.json()], [409, { code: 'token-exists' }])
  const revoked = await app.inject({ method: 'DELETE', url: '/admin/tokens/new', headers: admin })
  t.match([revoked.statusCode, revoked.json()], [200, { name: 'new', state: 'revoked' }])
  t.equal(
    (await app.inject({ url: `/t7/assets/${PANEL}`, headers: bearer(token) })).statusCode,
    404,
  )
  t.match(
    (await app.inject({ method: 'DELETE', url: '/admin/tokens/nobody', headers: admin })).json(),
    { code: 'unknown-token' },
  )
  for (const payload of [
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: 'admin', expires: 'soon' },
    { scopes: 'admin' },
    { name: 'a b', scopes: 'admin' },
  ]) {
    const answer = await app.inject({
      method: 'POST',
      url: '/admin/tokens',
      headers: admin,
      payload,
    })
    t.equal(answer.statusCode, 400, JSON.stringify(payload))
  }
  const rows = (
    await get('/admin/audit?action=token-created&actor=token%20admin&since=1h&limit=5', 'admin')
  ).json()
  t.match(rows, [
    { actor: 'token admin', action: 'token-created', subject: `new (read:t7/${PANEL})`, times: 1 },
  ])
  t.equal((await get('/admin/audit?since=yesterday', 'admin')).statusCode, 400)
  t.ok((await get('/admin/audit', 'admin')).json().length > 5)
})

t.test('nobody else administers anything', async t => {
  const { app, get, callers } = await controlledApp(t)
  const requests = [
    ['GET', '/admin/tokens'],
    ['HEAD', '/admin/tokens'],
    ['POST', '/admin/tokens'],
    ['GET', '/admin/tokens/right'],
    ['DELETE', '/admin/tokens/right'],
    ['POST', '/admin/tokens/right/revoke'],
    ['GET', '/admin/audit'],
  ] as const
  for (const caller of [
    'none',
    'wrong',
    'expired',
    'revoked',
    'wrong scope',
    'introspect',
    'right',
    'right study',
  ] as const) {
    const known = ['wrong scope', 'introspect', 'right', 'right study'].includes(caller)
    for (const [method, url] of requests) {
      const payload = method === 'POST' ? { name: 'x', scopes: ['admin'] } : undefined
      const answer = await app.inject({
        method,
        url,
        headers: bearer(callers[caller]),
        ...(payload && { payload }),
      })
      t.equal(answer.statusCode, known ? 403 : 401, `${caller} ${method} ${url}`)
      if (!known) t.match(answer.headers['www-authenticate'], /Bearer/)
    }
  }
  const browser = await app.inject({ url: '/admin/tokens', headers: HTML })
  t.match([browser.statusCode, browser.headers.location], [303, '/login?next=%2Fadmin%2Ftokens'])
  t.match(
    (await get('/admin/tokens', 'right', { headers: HTML })).body,
    /needs a token with the scope admin/,
  )
  const { app: open } = await (await import('../support/start-app.ts')).startApp(t)
  t.equal((await open.inject('/admin/tokens')).statusCode, 401, 'a server without any token')
})

t.test('the pages of administrators work without scripts', async t => {
  const { app, session } = await loggedIn(t)
  const headers = { ...HTML, ...session, ...SAME }
  const page = await app.inject({ url: '/admin/tokens', headers })
  t.match(page.body, /<code>rdp_\w{11}<\/code>/)
  t.match(page.body, /expired|revoked/)
  t.match(page.headers['content-security-policy'], /form-action 'self'/)
  const payload = form({ name: 'by-form', scopes: 'read:t7/*\r\nPANEL-7.READ', expires: '' })
  const made = await app.inject({
    method: 'POST',
    url: '/admin/tokens',
    headers: { ...headers, ...FORM },
    payload,
  })
  t.equal(made.statusCode, 200)
  const [, token = ''] = /<pre id="new-token">(rdp_\w+)<\/pre>/.exec(made.body) ?? []
  t.equal(
    (await app.inject({ url: `/t7/assets/${PANEL}`, headers: bearer(token) })).statusCode,
    200,
  )
  t.notOk((await app.inject({ url: '/admin/tokens', headers })).body.includes(token), 'shown once')
  const never = form({ name: 'for-ever', scopes: 'introspect', expires: 'never' })
  await app.inject({
    method: 'POST',
    url: '/admin/tokens',
    headers: { ...headers, ...FORM },
    payload: never,
  })
  const revoke = await app.inject({ method: 'POST', url: '/admin/tokens/by-form/revoke', headers })
  t.match([revoke.statusCode, revoke.headers.location], [303, '/admin/tokens'])
  t.equal(
    (await app.inject({ url: `/t7/assets/${PANEL}`, headers: bearer(token) })).statusCode,
    404,
  )
  const audit = await app.inject({ url: '/admin/audit', headers })
  t.match(audit.body, /<td>token admin<\/td><td>token-revoked<\/td><td>by-form<\/td>/)
})

t.test('other services ask what a token is worth', async t => {
  const { app, callers, audit } = await controlledApp(t)
  const ask = (token: string, by?: string) =>
    app.inject({
      method: 'POST',
      url: '/auth/introspect',
      headers: { ...FORM, ...bearer(by) },
      payload: form({ token }),
    })
  const answer = await ask(callers.right as string, callers.introspect)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.match(answer.json(), {
    active: true,
    token_type: 'Bearer',
    sub: 'right',
    username: 'right',
    scope: /^read:hush/,
    iat: Number,
    jti: /^\w{11}$/,
  })
  t.equal(answer.json().exp, undefined)
  for (const token of [callers.expired, callers.revoked, callers.wrong, 'x']) {
    t.same((await ask(token as string, callers.admin)).json(), { active: false })
  }
  t.equal((await ask(callers.right as string, callers.right)).statusCode, 200, 'about itself')
  t.equal((await ask(callers.admin as string, callers.right)).statusCode, 403)
  t.equal((await ask(callers.revoked as string, callers.right)).statusCode, 403)
  t.equal((await ask(callers.right as string)).statusCode, 401)
  t.equal(
    (await app.inject({ method: 'POST', url: '/auth/introspect', headers: bearer(callers.admin) }))
      .statusCode,
    400,
  )
  t.ok(
    (await audit()).some(
      ({ actor, action, subject }) =>
        `${actor} ${action} ${subject}` === 'token introspect introspected token right',
    ),
  )
})

t.test('wrong methods are told which are right', async t => {
  const { app } = await controlledApp(t)
  for (const [method, url, allow] of [
    ['PUT', '/admin/tokens', 'GET, HEAD, POST, OPTIONS'],
    ['GET', '/logout', 'POST, OPTIONS'],
    ['GET', '/auth/introspect', 'POST, OPTIONS'],
    ['POST', '/genomes', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const answer = await app.inject({ method, url })
    t.same([answer.statusCode, answer.headers.allow], [405, allow], url)
  }
})

t.test('administration has a document of its own', async t => {
  const { app } = await controlledApp(t)
  const paths = (document: { paths: object }) => Object.keys(document.paths)
  const open = paths((await app.inject('/openapi.json')).json())
  const admin = (await app.inject('/openapi-admin.json')).json()
  t.same(paths(admin), [
    '/auth/introspect',
    '/admin/tokens',
    '/admin/tokens/{name}',
    '/admin/audit',
    '/manifests',
    '/uploads',
    '/uploads/{id}',
    '/uploads/{id}/parts',
    '/uploads/{id}/parts/{number}',
    '/uploads/{id}/complete',
  ])
  t.same(
    open.filter(path => paths(admin).includes(path)),
    [],
  )
  t.match(admin.security, [{ bearer: [] }])
})

t.test(
  'a failed login is in the audit, and an odd Host header is no failure of the server',
  async t => {
    const { app, audit, callers } = await controlledApp(t)
    await app.inject({
      method: 'POST',
      url: '/login',
      headers: FORM,
      payload: form({ token: 'wrong' }),
    })
    t.ok(
      (await audit()).some(
        ({ action, subject }) => action === 'credentials-refused' && subject === 'login',
      ),
    )
    const odd = await app.inject({
      method: 'POST',
      url: '/login',
      headers: { ...FORM, host: '[', origin: 'http://x' },
      payload: form({ token: callers.right as string }),
    })
    t.equal(odd.statusCode, 403)
  },
)

t.test('a link shows nobody whose it is, and needs no state', async t => {
  const { app, session } = await loggedIn(t)
  const { url } = (await app.inject({ url: `/t7/assets/${PANEL}/url`, headers: session })).json()
  const page = await app.inject({
    url: url.replace('http://localhost:80', '').replace(/[^/]+$/, 'other'),
    headers: HTML,
  })
  t.equal(page.statusCode, 403)
  t.notMatch(page.body, /token admin|right/)
  const { app: open, access } = await (await import('../support/start-app.ts')).startApp(t)
  t.equal((await open.inject('/links/a.b/c')).statusCode, 403)
  const link = (await open.inject('/t7/assets/fasta/url'))
    .json()
    .url.replace('http://localhost:80', '')
  t.equal((await open.inject(link)).statusCode, 200)
  t.equal(access.state.opened, undefined)
})

t.test('what lasts longer than anybody lives is not allowed', async t => {
  const { app, callers, get } = await controlledApp(t)
  const payload = { name: 'far', scopes: 'read:*', expires: '999999999y' }
  const answer = await app.inject({
    method: 'POST',
    url: '/admin/tokens',
    headers: bearer(callers.admin),
    payload,
  })
  t.equal(answer.statusCode, 400)
  t.equal((await get('/admin/tokens/far', 'admin')).statusCode, 404)
  t.equal((await get('/admin/audit?since=999999999y', 'admin')).statusCode, 400)
})
