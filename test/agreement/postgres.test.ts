/** The state in PostgreSQL: the same contract as the embedded one, shared by servers, and down for a while. */

import pg from 'pg'
import t from 'tap'
import { LazyState } from '../../src/state/lazy-state.ts'
import { openState } from '../../src/state/open-state.ts'
import { controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import { startPostgres } from '../support/peers/postgres.ts'
import { run } from '../support/peers/run.ts'
import { stateContract } from '../support/state-contract.ts'

t.test('contract of states', async t => {
  const { url } = await startPostgres(t)
  let next = 0
  stateContract(t, async () => {
    const name = `contract_${next++}`
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    return () => openState(url.replace(/[^/]+$/, name))
  })
})

t.test('servers and the command line share one database', async t => {
  const { url } = await startPostgres(t)
  const { folder, app } = await controlledApp(t, { state: new LazyState(url) })
  const command = (...args: string[]) =>
    run(process.execPath, ['dist/cli/main.js', ...args, '-c', folder.config], {
      env: { ...process.env, REFDEPOT_DATABASE_URL: url },
    })
  const made = await command('token', 'create', '--name', 'alice', '--scope', `read:t7/${PANEL}`)
  t.equal(made.code, 0, made.stderr)
  const headers = { authorization: `Bearer ${made.stdout.trim()}` }
  const path = `/t7/assets/${PANEL}/archive`
  t.equal((await app.inject({ url: path, headers })).statusCode, 200)
  t.equal((await command('token', 'revoke', 'alice', '--state', url)).code, 0)
  t.equal((await app.inject({ url: path, headers })).statusCode, 404)
  const audit = await command('audit')
  t.match(audit.stdout, /token-created +alice/)
  t.match(audit.stdout, /token-revoked +alice/)
})

t.test('while the database is down open assets are served, and nothing controlled', async t => {
  const postgres = await startPostgres(t)
  const { app, callers, get, access } = await controlledApp(t, {
    state: new LazyState(postgres.url),
  })
  const { token } = await (await access.state.open()).tokens.create({
    name: 'alice',
    scopes: ['admin'],
    by: 'test',
  })
  const headers = { authorization: `Bearer ${token}` }
  const controlled = () => app.inject({ url: `/t7/assets/${PANEL}`, headers })
  t.equal((await controlled()).statusCode, 200)
  for (const end of [postgres.stop, postgres.kill]) {
    await end()
    const down = await controlled()
    t.ok(down.statusCode >= 500, String(down.statusCode))
    t.notMatch(down.body, /127\.0\.0\.1|panel/)
    t.equal((await get('/t7/assets/fasta/archive')).statusCode, 200)
    t.equal((await get(`/t7/assets/${PANEL}`)).statusCode, 404)
    t.equal(
      (await app.inject({ url: '/t7/assets/fasta', headers: { authorization: 'Bearer other' } }))
        .statusCode,
      200,
    )
    await postgres.start()
    for (let i = 0; i < 50 && (await controlled()).statusCode !== 200; i += 1)
      await new Promise(done => setTimeout(done, 100))
    t.equal((await controlled()).statusCode, 200, 'it is back')
  }
  await access.trail.flush(true)
  const rows = await (await access.state.open()).audit.find({ limit: 100 })
  t.ok(
    rows.some(({ action, times }) => action === 'denied' && times >= 1),
    'what was refused meanwhile is written afterwards',
  )
  t.ok(callers)
})

t.test('a server begins without its database, and no message shows the password', async t => {
  const place = 'postgres://refdepot:very-secret@127.0.0.1:9/none'
  await t.rejects(openState(place), {
    code: 'state-unavailable',
    message: /postgres:\/\/refdepot:\[redacted\]@127\.0\.0\.1:9\/none: .*ECONNREFUSED/,
  })
  const { folder } = await controlledApp(t)
  const { startOurs } = await import('../support/peers/servers.ts')
  const server = await startOurs(t, [
    '-c',
    folder.config,
    '--policy',
    folder.policy,
    '--state',
    place,
  ])
  t.equal((await fetch(`${server}/t7/assets/fasta/archive`)).status, 200)
  t.equal((await fetch(`${server}/t7/assets/${PANEL}`)).status, 404)
})
