import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Libsql from 'libsql'
import t, { type Test } from 'tap'
import { LazyState } from '../../src/state/lazy-state.ts'
import { openState } from '../../src/state/open-state.ts'
import { isPostgresUrl, withoutPassword } from '../../src/state/postgres-url.ts'
import { reasonOf } from '../../src/state/reason.ts'
import { expiryOf, tokenJson } from '../../src/state/token-form.ts'
import { makeToken, sameHash, tokenId } from '../../src/state/token-secret.ts'
import { stateContract } from '../support/state-contract.ts'

const fileIn = (t: Test) => join(t.testdir({}), 'deep', 'state.sqlite')

stateContract(t, async t => {
  const file = fileIn(t)
  return () => openState(file)
})

t.test('the file is for its owner only, and holds no token', async t => {
  const file = fileIn(t)
  const state = await openState(file)
  t.equal(state.path, file)
  const { token } = await state.tokens.create({ name: 'alice', scopes: ['admin'], by: 'me' })
  const secret = token.split('_')[2] as string
  for (const name of [file, `${file}-wal`]) {
    t.equal((await stat(name)).mode & 0o077, 0, name)
    t.notOk((await readFile(name, 'latin1')).includes(secret), name)
  }
  await state.close()
  const again = await openState(file)
  t.equal((await again.tokens.find(token))?.name, 'alice')
  await again.close()
})

t.test('many processes may make one state at the same time', async t => {
  const file = fileIn(t)
  const states = await Promise.all(Array.from({ length: 8 }, () => openState(file)))
  await Promise.all(
    states.map((state, i) => state.audit.append([{ actor: `${i}`, action: 'read', subject: 'x' }])),
  )
  t.equal((await states[0]?.audit.find({ limit: 99 }))?.length, 8)
  await Promise.all(states.map(state => state.close()))
})

t.test('a place that cannot be used is refused, naming the setting', async t => {
  const folder = t.testdir({
    file: 'x',
    text: 'this is no database, and long enough to be seen as none'.repeat(40),
  })
  await t.rejects(openState(join(folder, 'file', 'state.sqlite')), {
    code: 'state-unavailable',
    message:
      /cannot use the state .*file\/state\.sqlite: .*ENOTDIR|EEXIST.*--state FILE or \$REFDEPOT_STATE/,
  })
  await t.rejects(openState(join(folder, 'text')), {
    code: 'state-unavailable',
    message: /not a database.*--state FILE/,
  })
  await mkdir(join(folder, 'folder'))
  await t.rejects(openState(join(folder, 'folder')), {
    code: 'state-unavailable',
    path: join(folder, 'folder'),
  })
  const file = join(folder, 'newer.sqlite')
  await (await openState(file)).close()
  const raw = new Libsql(file)
  raw.exec("INSERT INTO kysely_migration VALUES ('999-from-the-future', '2099-01-01')")
  raw.close()
  await t.rejects(openState(file), { message: /it was written by a newer version of refdepot/ })
})

t.test('a lazy state is opened when it is needed', async t => {
  const file = fileIn(t)
  const lazy = new LazyState(file)
  await lazy.close()
  t.equal(await lazy.present(), undefined)
  t.equal(lazy.opened, undefined)
  await (await openState(file)).close()
  const [a, b] = await Promise.all([lazy.present(), lazy.open()])
  t.equal(a, b)
  t.equal(lazy.opened, a)
  t.equal(await lazy.present(), a)
  await lazy.close()
  const folder = t.testdir({ blocked: 'x' })
  const blocked = new LazyState(join(folder, 'blocked', 'state.sqlite'))
  await t.rejects(blocked.open(), { code: 'state-unavailable' })
  t.equal(blocked.opened, undefined)
  await t.rejects(blocked.open(), { code: 'state-unavailable' }, 'it is tried again')
  await writeFile(join(folder, 'other'), '')
  await blocked.close()
})

t.test('tokens are recognised by shape and check characters', async t => {
  const { token, id } = makeToken()
  t.equal(tokenId(token), id)
  for (const position of [5, 20, 40, token.length - 1]) {
    const other = token[position] === 'x' ? 'y' : 'x'
    const mangled = token.slice(0, position) + other + token.slice(position + 1)
    t.equal(tokenId(mangled), undefined)
  }
  for (const bad of ['', 'rdp_', token.slice(1), `${token}x`, `x${token}`, token.toLowerCase()])
    t.equal(tokenId(bad), undefined)
  const made = new Set(Array.from({ length: 1000 }, () => makeToken().token))
  t.equal(made.size, 1000)
  t.ok(sameHash('abc', 'abc'))
  t.notOk(sameHash('abc', 'abd'))
  t.notOk(sameHash('abc', 'abcd'))
})

t.test('how tokens are asked for and shown', async t => {
  const inDays = (date: Date | undefined) =>
    Math.round(((date?.getTime() ?? 0) - Date.now()) / 86_400_000)
  t.equal(inDays(expiryOf()), 365)
  t.equal(inDays(expiryOf('')), 365)
  t.equal(inDays(expiryOf(' 30d ')), 30)
  t.equal(expiryOf('never'), undefined)
  for (const bad of ['0d', 'soon', '-1d'])
    t.throws(() => expiryOf(bad), { code: 'scope-invalid', message: /or never/ })
  const createdAt = new Date(0)
  t.same(
    tokenJson({
      id: 'i',
      name: 'n',
      prefix: 'rdp_i',
      scopes: ['admin'],
      createdAt,
      createdBy: 'me',
    }),
    {
      name: 'n',
      prefix: 'rdp_i',
      state: 'valid',
      scopes: ['admin'],
      created_at: createdAt,
      created_by: 'me',
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
    },
  )
  const json = tokenJson({
    id: 'i',
    name: 'n',
    prefix: 'p',
    scopes: [],
    createdAt,
    createdBy: 'me',
    expiresAt: createdAt,
    revokedAt: createdAt,
    lastUsedAt: createdAt,
  })
  t.match(json, {
    state: 'revoked',
    expires_at: createdAt,
    revoked_at: createdAt,
    last_used_at: createdAt,
  })
})

t.test('a shared database that cannot be reached is told without its password', async t => {
  const place = 'postgres://refdepot:very-secret@127.0.0.1:9/none'
  await t.rejects(openState(place), {
    code: 'state-unavailable',
    path: 'postgres://refdepot:[redacted]@127.0.0.1:9/none',
    message: /postgres:\/\/refdepot:\[redacted\]@127\.0\.0\.1:9\/none: .*ECONNREFUSED/,
  })
  const lazy = new LazyState(place)
  t.equal(lazy.isShared, true)
  await t.rejects(lazy.present(), { code: 'state-unavailable' })
  t.equal(isPostgresUrl('postgresql://host/db'), true)
  t.equal(isPostgresUrl('/a/postgres:'), false)
  t.equal(withoutPassword('postgres://host/db'), 'postgres://host/db')
  t.equal(withoutPassword('/a/path:with@odd'), '/a/path:with@odd')
  t.equal(reasonOf(new AggregateError([new Error('one'), 'two'])), 'one; two')
  t.equal(reasonOf('text'), 'text')
})
