import { rename, writeFile } from 'node:fs/promises'
import { get as httpGet } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { NO_RIGHTS, Rights } from '../../src/domain/rights.ts'
import { AuditTrail } from '../../src/http/access/audit-trail.ts'
import { CredentialGate } from '../../src/http/access/credential-gate.ts'
import { sharedViews } from '../../src/http/access/visible-generation.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { openState } from '../../src/state/open-state.ts'
import { makeToken } from '../../src/state/token-secret.ts'
import { basic, bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL, PANEL_TAG } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { socketPath } from '../support/socket-path.ts'
import { startApp } from '../support/start-app.ts'

const HIDDEN = `/t7/assets/${PANEL}`

t.test('a token is understood in every way in which clients send one', async t => {
  const { app, callers } = await controlledApp(t)
  const right = callers.right as string
  for (const [name, request] of [
    ['Bearer', { url: HIDDEN, headers: bearer(right) }],
    ['bearer, odd spacing', { url: HIDDEN, headers: { authorization: `  bearer   ${right} ` } }],
    ['Basic, as the password', { url: HIDDEN, headers: basic('x', right) }],
    ['Basic, as the user', { url: HIDDEN, headers: basic(right, '') }],
    [
      'Basic without a colon',
      { url: HIDDEN, headers: { authorization: `Basic ${Buffer.from(right).toString('base64')}` } },
    ],
    ['in the path', { url: `/~${right}${HIDDEN}` }],
    ['in the path, twice a slash', { url: `//~${right}/${HIDDEN}` }],
    ['in the path of v3', { url: `/~${right}/v3/assets/attrs/${T7}/${PANEL}` }],
  ] as const) {
    t.equal((await app.inject(request)).statusCode, 200, name)
  }
  const list = await app.inject(`/~${right}?x=1`)
  t.equal(list.statusCode, 200, 'the start page')
  t.equal(
    (await app.inject({ url: `/~${callers.wrong}${HIDDEN}`, headers: bearer(right) })).statusCode,
    200,
    'the header goes first',
  )
})

t.test('what does not count makes nobody special, and says why', async t => {
  const { app, callers } = await controlledApp(t)
  for (const [headers, reason] of [
    [bearer(callers.wrong), 'unknown token'],
    [bearer('password'), 'unknown token'],
    [bearer('ü'), 'unknown token'],
    [basic('', ''), 'unknown token'],
    [{ authorization: 'Negotiate abc' }, 'unknown token'],
    [{ authorization: 'x' }, 'unknown token'],
    [bearer(callers.expired), 'the token is expired'],
    [bearer(callers.revoked), 'the token is revoked'],
    [{ cookie: 'refdepot_session=nothing' }, 'unknown login'],
    [bearer('eyJhbGciOiJub25lIn0.e30.'), 'the signed token does not count here'],
  ] as const) {
    for (const [url, status] of [
      [HIDDEN, 404],
      ['/t7/assets/fasta', 200],
    ] as const) {
      const answer = await app.inject({ url, headers })
      t.equal(answer.statusCode, status)
      const told = String(answer.headers['www-authenticate'])
      t.match(told, 'error="invalid_token"')
      if (reason !== 'unknown login') t.ok(told.includes(`"${reason}"`), told)
    }
  }
  const plain = await app.inject('/t7/assets/fasta')
  t.equal(plain.headers['www-authenticate'], undefined)
  t.equal(
    (await app.inject({ url: '/t7/assets/fasta', headers: { cookie: 'other=1' } })).headers[
      'www-authenticate'
    ],
    undefined,
  )
})

t.test('a token of no state file needs none', async t => {
  const { app, access } = await startApp(t)
  const answer = await app.inject({ url: '/t7/assets/fasta', headers: bearer(makeToken().token) })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.vary, 'Accept', 'an open server says what it always said')
  t.match(answer.headers['cache-control'], /public/)
  t.equal(access.state.opened, undefined)
})

t.test('caches keep nothing that was made for one caller', async t => {
  const { get } = await controlledApp(t)
  for (const url of [HIDDEN, `${HIDDEN}/archive`, `/v3/assets/attrs/${T7}/${PANEL}`, '/genomes']) {
    const answer = await get(url, 'right')
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['cache-control'], /^private,/, url)
    t.match(answer.headers.vary, /Authorization, Cookie$/, url)
  }
  for (const url of [HIDDEN, '/genomes', '/t7/assets/fasta/archive', '/healthz']) {
    const answer = await get(url)
    t.match(answer.headers.vary, /Authorization, Cookie$/, url)
    t.match(answer.headers['cache-control'], /^public,/, url)
  }
})

t.test('a state that fails is no wrong token', async t => {
  const { get, state, app } = await controlledApp(t)
  await (await state.open()).close()
  const answer = await get('/t7/assets/fasta', 'right')
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /sqlite|state/i)
  t.equal((await app.inject('/t7/assets/fasta')).statusCode, 200)
})

t.test('a token that is revoked elsewhere ends at once', async t => {
  const { get, folder } = await controlledApp(t)
  t.equal((await get(HIDDEN, 'right')).statusCode, 200)
  const other = await openState(folder.state)
  await other.tokens.revoke('right', 'the command line')
  await other.close()
  t.equal((await get(HIDDEN, 'right')).statusCode, 404)
})

t.test('a policy that changes counts with the next generation', async t => {
  const { get, depot, folder } = await controlledApp(t)
  t.equal((await get('/t7/assets/fasta')).statusCode, 200)
  t.ok(depot.current.files.includes(folder.policy), 'it is watched')
  await writeFile(folder.policy, 'default: controlled\n')
  await depot.reload()
  t.equal((await get('/t7/assets/fasta')).statusCode, 404)
  t.same((await get('/genomes')).json(), [])
  t.equal((await get('/t7/assets/fasta', 'admin')).statusCode, 200)
  await writeFile(folder.policy, 'defualt: open\n')
  await t.rejects(depot.reload(), { code: 'config-invalid' })
  t.equal((await get('/t7/assets/fasta')).statusCode, 404, 'a broken policy opens nothing')
})

t.test('guessing is slowed down, and only guessing', async t => {
  // A wait that does not end before the test does.
  const { app, callers } = await controlledApp(t, { gate: { free: 5, firstWaitMs: 60_000 } })
  const from = (token: string, remoteAddress = '192.0.2.7') =>
    app.inject({ url: '/genomes', headers: bearer(token), remoteAddress })
  t.equal((await from(callers.right as string)).statusCode, 200)
  const stale = makeToken().token
  for (let i = 0; i < 50; i += 1)
    t.equal((await from(stale)).statusCode, 200, 'one wrong token, again and again')
  for (let i = 0; i < 50; i += 1) await from(callers.expired as string)
  for (let i = 0; i < 5; i += 1) t.equal((await from(makeToken().token)).statusCode, 200)
  const refused = await from(makeToken().token)
  t.equal(refused.statusCode, 429)
  t.match(refused.headers['retry-after'], /^\d+$/)
  t.match(refused.json(), { code: 'too-many-requests', detail: /too many wrong tokens/ })
  t.equal(
    (await from(callers.admin as string)).statusCode,
    429,
    'a right one that is new here waits too: else guessing would go on',
  )
  t.equal((await from(callers.right as string)).statusCode, 200, 'who was here before goes on')
  t.equal((await from(stale)).statusCode, 200)
  t.equal((await from(makeToken().token, '192.0.2.8')).statusCode, 200, 'another address')
  t.equal(
    (await app.inject({ url: '/genomes', remoteAddress: '192.0.2.7' })).statusCode,
    200,
    'without a token',
  )
  const v3 = await app.inject({
    url: '/v3/genomes/list',
    headers: bearer(makeToken().token),
    remoteAddress: '192.0.2.7',
  })
  t.same([v3.statusCode, Object.keys(v3.json())], [429, ['detail']])
})

t.test('waits grow, end, and are forgotten', async t => {
  let now = 0
  const gate = new CredentialGate(
    { free: 2, windowMs: 100_000, firstWaitMs: 1000, longestWaitMs: 4000 },
    () => now,
  )
  for (const name of ['1', '2', '3']) gate.admit('a', name)
  for (const [wait, next] of [
    [1, '4'],
    [2, '5'],
    [4, '6'],
    [4, '7'],
  ] as const) {
    t.throws(() => gate.admit('a', 'x'), { message: new RegExp(`try again in ${wait} seconds`) })
    gate.admit('a', '1')
    now += wait * 1000
    gate.admit('a', next)
    gate.note('a', next, 'guessed')
  }
  now += 200_000
  gate.admit('a', '8')
  gate.admit('a', 'y')
  t.pass('forgotten after the window')
})

t.test(
  'a burst is not let in before the first answer, and a right one takes its count back',
  async t => {
    const gate = new CredentialGate({ free: 3 }, () => 0)
    for (const name of ['a', 'b', 'c', 'd']) gate.admit('x', name)
    t.throws(() => gate.admit('x', 'e'), { code: 'too-many-requests' })
    gate.note('x', 'a', 'accepted')
    gate.note('x', 'b', 'neither')
    gate.admit('x', 'e')
    gate.note('nowhere', 'e', 'accepted')
    for (let i = 0; i < 1000; i += 1) gate.admit('', `${i}`)
    t.pass('strangers without address are not one guesser')
  },
)

t.test('guessing for long does not wear the gate out, and its memory is bounded', async t => {
  let now = 0
  const gate = new CredentialGate({ windowMs: 1e12 }, () => now)
  for (let i = 0; i < 2000; i += 1) {
    now += 60_000
    gate.admit('a', `guess ${i}`)
  }
  t.throws(() => gate.admit('a', 'one more'), { code: 'too-many-requests' })
  for (let i = 0; i < 10_010; i += 1) gate.admit(`address ${i}`, 'x')
  gate.admit('a', 'z')
  for (let i = 0; i < 1000; i += 1) {
    gate.admit('b', `token ${i}`)
    gate.note('b', `token ${i}`, 'accepted')
  }
  gate.admit('b', 'token 999')
})

t.test('what was denied, read and refused is in the audit, without addresses', async t => {
  const { get, audit, callers } = await controlledApp(t)
  await get(`${HIDDEN}/archive`, 'right')
  await get(`${HIDDEN}/files/panel.bed`, 'right', { headers: { range: 'bytes=0-3' } })
  await get(`${HIDDEN}/files/panel.bed`, 'right', { headers: { range: 'bytes=4-7' } })
  await get(`${HIDDEN}/archive`)
  await get(`${HIDDEN}/archive`, 'other study')
  await get('/t7/assets/fasta/archive', 'right')
  await get('/t7/assets/nothing')
  await get(`/v3/assets/attrs/${T7}/fasta?tag=somatic`)
  await get('/hush/assets')
  await get('/genomes/hush')
  await get('/v3/genomes/genome_digest/hush')
  // What one millisecond brings has no order.
  const now = Date.now()
  while (Date.now() === now) await wait(1)
  await get('/genomes', 'expired')
  const path = `${T7}/${PANEL}:${PANEL_TAG}`
  const rows = (await audit()).filter(
    ({ action }) => action !== 'token-created' && action !== 'token-revoked',
  )
  t.same(
    rows.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`),
    [
      `token right read ${path}`,
      `token right read ${path} panel.bed`,
      `anonymous denied ${path}`,
      `token other-study denied ${path}`,
      `anonymous denied ${T7}/fasta:somatic`,
      'anonymous denied bcb56c8ff34e0bdb094db8bffd245b0a7758e40c8638479e',
      'anonymous credentials-refused the token is expired',
    ],
  )
  t.ok(rows.every(({ address }) => address === undefined))
  t.notMatch(JSON.stringify(rows), callers.right)
})

t.test('denials are told by digest too, and odd paths are no trouble', async t => {
  const { get, audit, folder, depot } = await controlledApp(t)
  await depot.check()
  for (const digest of folder.digests.controlled) {
    await get(`/archives/${digest}`)
    await get(`/objects/${digest}`)
  }
  await get('/%E0%A4%A/assets/x')
  await get(`/v3/assets/attrs/${T7}/%ff`)
  const denied = (await audit())
    .filter(({ action }) => action === 'denied')
    .map(({ subject }) => subject)
  t.equal(new Set(denied).size, 3, `${denied}`)
})

t.test('addresses are kept when that is switched on, repetitions are counted', async t => {
  const { get, audit, access, state } = await controlledApp(t, { auditAddresses: true })
  for (let i = 0; i < 5; i += 1) await get(HIDDEN, 'none', { remoteAddress: '192.0.2.9' })
  const denied = (await audit()).filter(({ action }) => action === 'denied')
  t.match(denied, [{ address: '192.0.2.9', times: 1 }])
  await access.trail.flush(true)
  const all = (await (await state.open()).audit.find({ limit: 99 })).filter(
    ({ action }) => action === 'denied',
  )
  t.match(all, [{ times: 1 }, { times: 4, address: '192.0.2.9' }])
})

t.test(
  'the audit is tried again when it cannot be written; without a state there is none',
  async t => {
    const errors: unknown[] = []
    const file = join(t.testdir({}), 'state.sqlite')
    const state = new LazyState(file)
    const trail = new AuditTrail({ state, addresses: false, onError: error => errors.push(error) })
    const note = () => {
      trail.note({ actor: 'a', action: 'read', subject: `${Math.random()}` })
      trail.used('id')
    }
    note()
    await trail.flush()
    t.same(errors, [])
    t.equal(state.opened, undefined, 'an audit makes no state')
    await writeFile(file, 'no database '.repeat(200))
    note()
    await trail.flush()
    t.match(errors, [{ code: 'state-unavailable' }])
    await writeFile(file, '')
    await trail.close()
    t.equal((await (await state.open()).audit.find({ limit: 9 })).length, 1)
    await state.close()
  },
)

t.test('many things at a time are noted', async t => {
  const { get, audit } = await controlledApp(t)
  for (let i = 0; i < 1100; i += 1) await get(`${HIDDEN}/files/${i}`)
  t.match(
    (await audit()).filter(({ action }) => action === 'denied'),
    [{ actor: 'anonymous' }],
  )
})

t.test('controlled attributes that were shown are in the audit too', async t => {
  const { get, audit } = await controlledApp(t)
  await get(`/t7/assets/${PANEL}`, 'right')
  await get(`/v3/assets/attrs/${T7}/${PANEL}`, 'right')
  await get('/genomes/hush', 'right')
  await get('/t7/assets/fasta', 'right')
  const rows = (await audit()).filter(({ action }) => action === 'seen')
  t.same(
    rows.map(({ subject }) => subject),
    [`${T7}/${PANEL}:${PANEL_TAG}`, 'bcb56c8ff34e0bdb094db8bffd245b0a7758e40c8638479e'],
  )
})

t.test('secrets are not in the log, however they are spelled', async t => {
  const { app, callers, log, get } = await controlledApp(t)
  const secret = callers.right?.split('_')[2] as string
  for (const url of [
    `/~${callers.right}/genomes`,
    `/%7E${callers.right}/genomes`,
    `/%7e${callers.right}/genomes`,
    `/v3/~${callers.right}`,
    `/genomes?token=${callers.right}`,
    `/genomes?token=${callers.right?.replace('rdp', '%72dp')}`,
  ]) {
    const answer = await app.inject(url)
    t.notOk(answer.body.includes(secret), url)
  }
  t.equal((await app.inject(`/%7E${callers.right}${HIDDEN}`)).statusCode, 200)
  const { url } = (await get(`${HIDDEN}/url`, 'right')).json()
  const path = url.replace('http://localhost:80', '')
  await app.inject(path.replace('/links/', '/%6Cinks/'))
  await app.inject(path.replace('/links/', '//links/'))
  const text = JSON.stringify(log)
  t.notOk(text.includes(secret))
  t.notOk(text.includes(path.split('/')[2]))
  t.match(text, /rdp_\w{11}_\[redacted\]/)
})

t.test('a state that was exchanged under the server counts no more', async t => {
  const { get, folder, app } = await controlledApp(t)
  t.equal((await get(HIDDEN, 'right')).statusCode, 200)
  await rename(folder.state, `${folder.state}.away`)
  await new Promise(done => setTimeout(done, 1050))
  for (let i = 0; i < 2; i += 1) {
    const answer = await get(HIDDEN, 'right')
    t.match(
      [answer.statusCode, answer.json()],
      [503, { code: 'state-unavailable', detail: 'Service Unavailable' }],
    )
  }
  t.equal((await app.inject('/t7/assets/fasta')).statusCode, 200)
  await rename(`${folder.state}.away`, folder.state)
  t.equal((await get(HIDDEN, 'right')).statusCode, 200, 'the same file again')
})

t.test('on a unix socket the address is the one that a trusted proxy tells', async t => {
  const { app, callers } = await controlledApp(
    t,
    { gate: { free: 1 } },
    { trustProxy: ['loopback', '192.0.2.1'] },
  )
  const socket = await socketPath(t)
  await app.listen({ path: socket })
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; body: string }>((done, failed) => {
      httpGet({ socketPath: socket, path, headers }, answer => {
        let body = ''
        answer.on('data', chunk => {
          body += chunk
        })
        answer.on('end', () => done({ status: answer.statusCode ?? 0, body }))
      }).on('error', failed)
    })
  const from = (address: string) => ({ ...bearer(callers.right), 'x-forwarded-for': address })
  const { body } = await ask('/t7/assets/fasta/url?bind=address', from('203.0.113.1'))
  const path = new URL(JSON.parse(body).url).pathname
  t.equal((await ask(path, { 'x-forwarded-for': '203.0.113.1' })).status, 200)
  t.equal((await ask(path, { 'x-forwarded-for': '203.0.113.1, 192.0.2.1' })).status, 200)
  t.equal((await ask(path, { 'x-forwarded-for': '203.0.113.2' })).status, 403)
})

t.test('without a trusted proxy nobody on a unix socket has an address', async t => {
  const { app, callers } = await controlledApp(t, {
    gate: { free: 1 },
    limits: { addressTransfers: 1 },
  })
  const socket = await socketPath(t)
  await app.listen({ path: socket })
  const status = (path: string, token = callers.right) =>
    new Promise<number>((done, failed) => {
      httpGet({ socketPath: socket, path, headers: bearer(token) }, answer => {
        answer.resume()
        answer.on('end', () => done(answer.statusCode ?? 0))
      }).on('error', failed)
    })
  t.equal(
    await status('/t7/assets/fasta/url?bind=address'),
    400,
    'a link cannot be bound to what is not known',
  )
  for (let i = 0; i < 5; i += 1) t.equal(await status('/genomes', makeToken().token), 200)
  t.equal(await status('/t7/assets/fasta/archive'), 200)
})

t.test('many kinds of callers share what they see, and everybody keeps the open view', async t => {
  const { depot } = await controlledApp(t)
  const view = sharedViews()
  const open = view(depot.current, NO_RIGHTS)
  t.equal(view(depot.current, new Rights(['X.READ'])), open, 'from both the same is hidden')
  const panel = view(depot.current, new Rights(['PANEL-7.READ']))
  t.not(panel, open)
  t.equal(view(depot.current, new Rights(['PANEL-7.WRITE', 'Z.READ'])), panel)
  t.equal(panel.catalogue.genome('t7')?.assets.get('index'), panel.catalogue.asset('t7', 'index'))
  for (let i = 0; i < 1200; i += 1) view(depot.current, new Rights([`S${i}.READ`]))
  t.equal(view(depot.current, NO_RIGHTS), open)
  t.equal(view(depot.current, new Rights(['PANEL-7.READ'])), panel)
})

t.test('a route that mixes up catalogues gets nothing', async t => {
  const { depot } = await controlledApp(t)
  const view = sharedViews()
  const entry = view(depot.current, new Rights(['admin'])).catalogue.entry('t7', PANEL)
  const { folder } = view(depot.current, NO_RIGHTS)
  await t.rejects(folder.archive(entry as never, 'stored'), {
    message: /entry of another catalogue/,
  })
  await t.rejects(folder.files(entry as never), { message: /entry of another catalogue/ })
})
