/** What every state must do, whatever database it lives in; each runs the same suite. */
import type { Test } from 'tap'
import type { State } from '../../src/state/open-state.ts'
import { makeToken } from '../../src/state/token-secret.ts'
import { stateOf } from '../../src/state/token-store.ts'
import { downloadContract } from './download-contract.ts'
import { mangled } from './mangled.ts'
import { manifestContract } from './manifest-contract.ts'
import { putForward } from './put-forward.ts'

/** Opens the same state anew: another connection to one database. */
export type OpenState = () => Promise<State>

/** Runs the contract; `make` gives a way into a new state. */
export function stateContract(t: Test, make: (t: Test) => Promise<OpenState>): void {
  downloadContract(t, make)
  manifestContract(t, make)

  t.test('a token is shown once and kept as a hash', async t => {
    const open = await make(t)
    const state = await open()
    const expiresAt = new Date(Date.now() + 60_000)
    const { token, record } = await state.tokens.create({
      name: 'alice',
      scopes: ['read:t7/*', 'P.READ'],
      expiresAt,
      by: 'me',
    })
    t.match(token, /^rdp_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}$/)
    t.match(record, { name: 'alice', scopes: ['read:t7/*', 'P.READ'], expiresAt, createdBy: 'me' })
    t.ok(token.startsWith(`${record.prefix}_`))
    t.same(await state.tokens.find(token), record)
    t.same(await state.tokens.byId(record.id), record)
    t.same(await state.tokens.named('alice'), record)
    t.same(await state.tokens.list(), [record])
    t.equal(await state.tokens.find(makeToken().token), undefined)
    t.equal(await state.tokens.find(mangled(token, -1)), undefined)
    t.equal(await state.tokens.find('password'), undefined)
    t.equal(await state.tokens.byId('nobody'), undefined)
    await state.close()
  })

  t.test('names are those of one valid token', async t => {
    const state = await (await make(t))()
    const request = { name: 'bob', scopes: ['admin'], by: 'me' }
    const first = await state.tokens.create(request)
    await t.rejects(state.tokens.create(request), {
      code: 'token-exists',
      tokenName: 'bob',
      message: /revoke it first/,
    })
    await state.tokens.revoke('bob', 'me')
    const second = await state.tokens.create(request)
    t.equal((await state.tokens.named('bob')).id, second.record.id)
    await state.tokens.revoke('bob', 'me')
    t.equal(stateOf((await state.tokens.find(first.token)) as never), 'revoked')
    t.equal((await state.tokens.list()).length, 2)
    const both = [(await state.tokens.named('bob')).id, second.record.id]
    t.ok(both.includes(first.record.id) || both[0] === both[1])
    await t.rejects(state.tokens.named('nobody'), { code: 'unknown-token', tokenName: 'nobody' })
    await t.rejects(state.tokens.revoke('nobody', 'me'), { code: 'unknown-token' })
    await state.close()
  })

  t.test('two connections that make one name make one token', async t => {
    const open = await make(t)
    const states = await Promise.all([open(), open(), open(), open()])
    const request = { name: 'race', scopes: ['admin'], by: 'me' }
    const outcomes = await Promise.allSettled(states.map(({ tokens }) => tokens.create(request)))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'token-exists' })
    }
    t.equal((await states[0]?.tokens.list())?.length, 1)
    await Promise.all(states.map(state => state.close()))
  })

  t.test('revoking counts at once for every connection, and ends logins', async t => {
    const open = await make(t)
    const [server, command] = await Promise.all([open(), open()])
    const { token, record } = await server.tokens.create({
      name: 'carol',
      scopes: ['admin'],
      by: 'me',
    })
    const cookie = await server.sessions.start(record.id, new Date(Date.now() + 60_000))
    t.equal(await command.sessions.tokenOf(cookie), record.id)
    const revoked = await command.tokens.revoke('carol', 'you')
    t.ok(revoked.revokedAt)
    t.equal(stateOf((await server.tokens.find(token)) as never), 'revoked')
    t.equal(await server.sessions.tokenOf(cookie), undefined)
    t.same(await command.tokens.revoke('carol', 'again'), revoked, 'once is enough')
    t.equal((await server.audit.find({ limit: 9, action: 'token-revoked' })).length, 1)
    await Promise.all([server.close(), command.close()])
  })

  t.test('what is asked for must make sense', async t => {
    const state = await (await make(t))()
    for (const [name, scopes, message] of [
      ['', ['admin'], /the name of the token is not allowed; give up to 100 letters/],
      ['a b', ['admin'], /the name/],
      ['x'.repeat(101), ['admin'], /the name/],
      ['ok', [], /a token without scope is not allowed; give read:/],
      ['ok', ['root'], /the scope 'root' is not allowed/],
      [
        'ok',
        Array.from({ length: 101 }, (_, i) => `S${i}.READ`),
        /101 scopes is not allowed; give at most 100/,
      ],
    ] as const) {
      await t.rejects(state.tokens.create({ name, scopes, by: 'me' }), {
        code: 'scope-invalid',
        message,
      })
    }
    t.same(await state.tokens.list(), [])
    t.same(await state.audit.find({ limit: 9 }), [])
    await state.close()
  })

  t.test('a token expires to the millisecond, and its last use is noted', async t => {
    const state = await (await make(t))()
    const expiresAt = new Date(Date.now() + 60_000)
    const { record } = await state.tokens.create({
      name: 'dave',
      scopes: ['admin'],
      expiresAt,
      by: 'me',
    })
    t.equal(stateOf(record), 'valid')
    t.equal(stateOf(record, expiresAt.getTime() - 1), 'valid')
    t.equal(stateOf(record, expiresAt.getTime()), 'expired')
    t.equal(record.lastUsedAt, undefined)
    await state.tokens.touch(
      new Map([
        [record.id, 1_800_000_000_000],
        ['nobody', 1],
      ]),
    )
    t.same((await state.tokens.byId(record.id))?.lastUsedAt, new Date(1_800_000_000_000))
    await state.close()
  })

  t.test('sessions end', async t => {
    const state = await (await make(t))()
    const soon = await state.sessions.start('id', new Date(Date.now() + 3_600_000))
    const later = await state.sessions.start('id', new Date(Date.now() + 3 * 3_600_000))
    t.not(soon, later)
    t.equal(await state.sessions.tokenOf(soon), 'id')
    putForward(t, 3_600_000)
    t.equal(await state.sessions.tokenOf(soon), undefined)
    await state.sessions.start('other', new Date(Date.now() + 60_000))
    t.equal(await state.sessions.tokenOf(later), 'id')
    await state.sessions.end(later)
    t.equal(await state.sessions.tokenOf(later), undefined)
    await state.close()
  })

  t.test('the audit is in order, and can be searched', async t => {
    const state = await (await make(t))()
    await state.audit.append([])
    const at = Date.now() - 60_000
    await state.audit.append([
      { actor: 'a', action: 'read', subject: 'one', at },
      { actor: 'a', action: 'read', subject: 'two', at, times: 7, address: '192.0.2.1' },
      { actor: 'b', action: 'denied', subject: 'three' },
    ])
    const find = async (query: object) =>
      (await state.audit.find({ limit: 10, ...query })).map(({ subject }) => subject)
    t.same(await find({}), ['one', 'two', 'three'])
    t.same(await find({ limit: 2 }), ['two', 'three'])
    t.same(await find({ actor: 'a' }), ['one', 'two'])
    t.same(await find({ action: 'denied' }), ['three'])
    t.same(await find({ since: new Date(at + 1) }), ['three'])
    const [, two] = await state.audit.find({ limit: 10 })
    t.same(two, {
      actor: 'a',
      action: 'read',
      subject: 'two',
      at: new Date(at),
      times: 7,
      address: '192.0.2.1',
    })
    await state.close()
  })

  t.test('a key is made once, for everybody', async t => {
    const open = await make(t)
    const [one, two] = await Promise.all([open(), open()])
    const [first, second] = await Promise.all([one.key('links'), two.key('links')])
    t.equal(first.length, 32)
    t.same(first, second)
    t.notSame(await one.key('other'), first)
    await Promise.all([one.close(), two.close()])
  })
}
