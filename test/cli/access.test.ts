import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { makeToken } from '../../src/state/token-secret.ts'
import { replaceFile } from '../../src/storage/replace-file.ts'
import { bearer } from '../support/controlled-app.ts'
import { controlledFolder, PANEL } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'

t.test('tokens are made, listed, shown and revoked', async t => {
  const { config, archiveFolder } = await controlledFolder(t)
  const token = (...args: string[]) => runHere(['token', ...args, '-c', config])
  const made = await token(
    'create',
    '--name',
    'alice',
    '--scope',
    `read:t7/${PANEL}`,
    'P.READ,Q.READ',
    '--expires',
    '30d',
  )
  t.equal(made.code, 0)
  t.match(made.stdout, /^rdp_\w{11}_\w{49}\n$/, 'the token alone')
  t.match(
    made.stderr,
    /^token alice \(read:t7\/panel P\.READ Q\.READ\) expires \d{4}-.* UTC; it is shown this once\n$/,
  )
  const secret = made.stdout.trim()
  t.ok(
    await readFile(join(archiveFolder, '.refdepot/state.sqlite')),
    'where the server looks for it',
  )
  t.match(await token('create', '--name', 'alice', '--scope', 'admin'), {
    code: 1,
    stderr: /there is a token 'alice' already/,
  })
  t.match(
    (await token('create', '--name', 'bob', '--scope', 'admin', '--expires', 'never')).stderr,
    /does not expire/,
  )
  for (const [args, pattern] of [
    [['--name', 'x', '--scope', 'root'], /the scope 'root' is not allowed; give read:/],
    [['--name', 'x', '--scope', ' '], /a token without scope/],
    [
      ['--name', 'x', '--scope', 'admin', '--expires', 'soon'],
      /the expiry 'soon' is not allowed; give a span of time.* or never/,
    ],
    [['--name', 'a b', '--scope', 'admin'], /the name of the token is not allowed/],
    [['--name', 'x'], /required option '--scope/],
    [['--scope', 'admin'], /required option '--name/],
  ] as const) {
    t.match(await token('create', ...args), { code: 2, stderr: pattern }, args.join(' '))
  }
  const list = await token('list')
  t.match(
    list.stdout,
    /^Name +Begins with +Scopes +Created +Expires +Last used +State\n(?:bob|alice) +rdp_\w{11} /,
  )
  t.notOk(list.stdout.includes(secret))
  t.match(JSON.parse((await token('list', '--json')).stdout), [{ expires_at: null }, {}])
  t.match(JSON.parse((await token('show', 'alice', '--json')).stdout), {
    name: 'alice',
    state: 'valid',
    created_by: /^command line \([^)]+\)$/,
  })
  t.match(
    (await token('show', 'alice')).stdout,
    /\nalice +rdp_\w+ +read:t7\/panel P\.READ Q\.READ .* never +valid\n/,
  )
  t.match(await token('revoke', 'alice'), { code: 0, stdout: 'revoked alice\n' })
  t.match((await token('show', 'alice')).stdout, /revoked\n$/)
  t.match(await token('revoke', 'carol'), {
    code: 3,
    stderr: "refdepot: there is no token 'carol'; see the list of tokens\n",
  })
  t.match(await runHere(['token', 'list']), {
    code: 2,
    stderr: /a genome config with -c FILE or in \$REFGENIE/,
  })

  const audit = (...args: string[]) => runHere(['audit', '-c', config, ...args])
  const rows = (await audit()).stdout
  t.match(
    rows,
    /^Time \(UTC\) +Who +What +On +Times +Address\n.*command line \([^)]+\) +token-created +alice \(read:t7\/panel P\.READ Q\.READ\) +1\n/,
  )
  t.match(rows, /token-revoked +alice +1\n$/)
  const last = await audit('--json', '--action', 'token-revoked', '--since', '1h', '--limit', '1')
  t.match(last.stdout, /^\{.*\}\n$/, 'one line, one event')
  t.match(JSON.parse(last.stdout), {
    at: /^\d{4}-\d\d-\d\dT.*Z$/,
    actor: /^command line \([^)]+\)$/,
    action: 'token-revoked',
    subject: 'alice',
    times: 1,
  })
  t.match(
    (await audit('--csv', '--actor', 'nobody')).stdout,
    'Time (UTC),Who,What,On,Times,Address\n',
  )
  t.match(await audit('--since', 'monday'), {
    code: 2,
    stderr: /--since: 'monday' is not allowed; give a span of time/,
  })
  t.match(await audit('--limit', '0'), { code: 2, stderr: /--limit: '0'/ })
})

t.test('the state may lie elsewhere, and a place that cannot be written is refused', async t => {
  const { config, archiveFolder, policy } = await controlledFolder(t)
  const state = join(archiveFolder, 'elsewhere.db')
  const create = ['token', 'create', '--name', 'a', '--scope', 'admin', '-c', config]
  t.equal((await runHere([...create, '--state', state])).code, 0)
  t.match(
    (await runHere(['token', 'list', '-c', config], { REFDEPOT_STATE: state })).stdout,
    /\na +rdp_/,
  )
  t.notMatch((await runHere(['token', 'list', '-c', config])).stdout, /\na +rdp_/)
  await runHere(['config', 'set', 'state', state, '-c', config])
  t.match(
    (await runHere(['token', 'list', '-c', config])).stdout,
    /\na +rdp_/,
    'the config names it',
  )
  const blocked = join(config, 'state.sqlite')
  const wanted = {
    code: 1,
    stderr:
      /cannot use the state .*genome_config\.yaml\/state\.sqlite: .*; give a writable place with --state FILE or \$REFDEPOT_STATE/,
  }
  t.match(await runHere([...create, '--state', blocked]), wanted)
  t.match(
    await runHere(['serve', '-c', config, '--policy', policy, '--state', blocked, '-p', '0']),
    wanted,
    'a server that could not audit does not begin',
  )
})

t.test('what is controlled is listed, and what a token may read', async t => {
  const { config, policy } = await controlledFolder(t)
  const access = (...args: string[]) => runHere(['access', '-c', config, ...args])
  t.match((await access()).stdout, /t7\/panel:v7 +open +yes\n/)
  const closed = await access('--policy', policy)
  t.match(closed.stdout, /^Asset +Access +Studies +Readable\n/)
  t.match(closed.stdout, /t7\/fasta:default +open +yes\n/)
  t.match(closed.stdout, /t7\/fasta:somatic +controlled +PANEL-7 +no\n/)
  t.match(closed.stdout, /hush\/fasta:default +controlled +HUSH +no\n/)
  await runHere(['token', 'create', '--name', 'alice', '--scope', 'PANEL-7.READ', '-c', config])
  const rows = JSON.parse(
    (await access('t7', '--token', 'alice', '--json', '--policy', policy)).stdout,
  )
  t.match(
    rows.find(({ asset }: { asset: string }) => asset === 't7/panel:v7'),
    { access: 'controlled', readable: true, studies: ['PANEL-7'], registry_path: `${T7}/panel:v7` },
  )
  await runHere(['token', 'revoke', 'alice', '-c', config])
  t.notMatch((await access('--token', 'alice', '--policy', policy)).stdout, /controlled.* yes/)
  t.match(await access('nothing'), { code: 3 })
  await writeFile(policy, 'genomes: {hg83: {access: controlled}}')
  t.match(await access('--policy', policy), {
    code: 0,
    stderr: 'the policy names genomes.hg83, which is not in the config\n',
  })
  await runHere(['config', 'set', 'policy', policy, '-c', config])
  t.match((await access()).stderr, /hg83/, 'the config names it')
})

t.test(
  'a running server follows tokens and the config, and writes its audit when it stops',
  async t => {
    const { config, policy, archiveFolder } = await controlledFolder(t)
    const server = await serveCli(t, ['-c', config, '--policy', policy, '--watch-interval', '0.1'])
    const url = `${server.url}/t7/assets/${PANEL}/archive`
    t.match(await server.logged(/catalogue loaded/), { controlled: 5 })
    t.equal((await fetch(url)).status, 404)
    const { stdout } = await runHere([
      'token',
      'create',
      '--name',
      'alice',
      '--scope',
      'read:t7/*',
      '-c',
      config,
    ])
    const headers = bearer(stdout.trim())
    t.equal((await fetch(url, { headers })).status, 200)
    await runHere(['token', 'revoke', 'alice', '-c', config])
    t.equal((await fetch(url, { headers })).status, 404)
    await replaceFile(policy, 'default: open')
    while ((await fetch(url)).status !== 200) await wait(50)
    t.equal((await fetch(url)).status, 200)
    t.equal(await server.stop(), 0)
    const rows = (await runHere(['audit', '-c', config])).stdout
    t.match(
      rows,
      /token alice +read +6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905\/panel:v7 +1\n/,
    )
    t.match(rows, /anonymous +denied/)
    t.notOk(JSON.stringify(server.log).includes(stdout.trim()))
    t.ok(archiveFolder)
  },
)

t.test('settings of access are checked at the start', async t => {
  const { config, policy } = await controlledFolder(t)
  const serve = (env: Record<string, string>, ...args: string[]) =>
    runHere(['serve', '-c', config, '-p', '0', ...args], env)
  for (const [env, args, pattern] of [
    [
      {},
      ['--oidc-issuer', 'https://id.example'],
      /--oidc-audience: '' is not allowed; give the audience/,
    ],
    [
      {},
      ['--oidc-issuer', 'id.example'],
      /--oidc-issuer: 'id\.example' is not allowed; give an http or https URL/,
    ],
    [
      {},
      ['--oidc-issuer', 'https://x', '--oidc-audience', 'a', '--oidc-scopes', 'staff=root'],
      /--oidc-scopes: 'root' is not allowed; give read:/,
    ],
    [{}, ['--oidc-scopes', 'staff'], /VALUE=SCOPE pairs/],
    [{}, ['--limit-address', '5GB'], /a size per span of time/],
    [{}, ['--transfers-token', '0'], /a number from 1/],
    [{}, ['--link-lifetime', 'long'], /a span of time/],
    [{}, ['--audit-addresses', 'yes'], /true or false/],
    [
      { REFDEPOT_LINK_SECRET: 'short' },
      [],
      /the secret of link-secret: '\[redacted\]' is not allowed; give 32 characters or more/,
    ],
  ] as const) {
    t.match(await serve(env, ...args), { code: 2, stderr: pattern }, args.join(' '))
  }
  t.match(await serve({}, '--policy', '/nowhere'), {
    code: 3,
    stderr: /cannot read the policy \/nowhere/,
  })
  await writeFile(policy, 'open: everything')
  t.match(await serve({}, '--policy', policy), {
    code: 1,
    stderr: /policy\.txt:1: open is unknown; allowed: default, require, genomes, studies/,
  })
  t.match(
    await serve({}, '--link-secret', 'x'.repeat(40)),
    { code: 2, stderr: /unknown option/ },
    'no secret on the command line',
  )
})

t.test('secrets in a config are not shown', async t => {
  const { config } = await controlledFolder(t)
  const secret = 'a long enough secret in a config file'
  await writeFile(
    config,
    `${await readFile(config, 'utf8')}refdepot:\n  link-secret: ${secret}\n  title: mine\n`,
  )
  for (const args of [
    ['config', 'get'],
    ['config', 'get', '--json'],
    ['config', 'get', 'link-secret'],
  ]) {
    const { stdout, code } = await runHere([...args, '-c', config])
    t.equal(code, 0)
    t.match(stdout, '[redacted]')
    t.notOk(stdout.includes(secret))
  }
  const set = await runHere(['config', 'set', 'link-secret', secret, '-c', config])
  t.match(set, { code: 2, stderr: /\$REFDEPOT_LINK_SECRET_FILE: everybody can read the arguments/ })
  t.notOk(set.stderr.includes(secret))
})

t.test('all settings of access reach the server', async t => {
  const { config, policy } = await controlledFolder(t)
  const server = await serveCli(
    t,
    [
      '-c',
      config,
      '--policy',
      policy,
      '--oidc-issuer',
      'http://127.0.0.1:9',
      '--oidc-audience',
      'a',
      '--oidc-jwks',
      'http://127.0.0.1:9/k',
      '--oidc-scopes',
      'staff=read:*,staff=P.READ',
      '--limit-address',
      '1B/day',
      '--limit-token',
      '1TB/day',
      '--transfers-address',
      '5',
      '--transfers-token',
      '5',
      '--audit-addresses',
      'true',
      '--link-lifetime',
      '90s',
    ],
    { REFDEPOT_LINK_SECRET: 'a secret that is long enough to be one' },
  )
  const get = (path: string, headers = {}) => fetch(server.url + path, { headers })
  t.equal(
    (await get('/genomes', bearer('eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln'))).status,
    503,
    'the identity provider is asked',
  )
  const link = (await (await get('/t7/assets/fasta/url')).json()) as { expires_at: string }
  t.ok(Date.parse(link.expires_at) - Date.now() <= 90_000)
  t.equal((await get('/t7/assets/fasta/archive')).status, 200)
  t.equal((await get('/t7/assets/fasta/archive')).status, 429)
  await get('/hush/assets')
  await server.stop()
  t.match((await runHere(['audit', '-c', config])).stdout, /denied +\w+ +1 +127\.0\.0\.1\n/)
})

t.test('an audit that cannot be written is told in the log, and open assets go on', async t => {
  const { config, policy, archiveFolder } = await controlledFolder(t)
  const server = await serveCli(t, ['-c', config, '--policy', policy])
  const state = join(archiveFolder, '.refdepot/state.sqlite')
  await rename(state, `${state}.away`)
  // It looks once a second whether the file is still the same.
  await wait(1100)
  t.equal((await fetch(`${server.url}/hush/assets`)).status, 404)
  t.match(await server.logged(/audit cannot be written/), {
    err: { message: /was replaced or removed while this server runs; restart the server/ },
  })
  t.equal((await fetch(`${server.url}/t7/assets/fasta`)).status, 200)
  t.equal(
    (await fetch(`${server.url}/t7/assets/fasta`, { headers: bearer(makeToken().token) })).status,
    503,
  )
})

t.test(
  'a server that learns of controlled assets while it runs warns of what is opened, and of what needs a restart',
  async t => {
    const { config, policy } = await controlledFolder(t)
    await writeFile(policy, 'default: open')
    const server = await serveCli(t, ['-c', config, '--policy', policy, '--watch-interval', '0.1'])
    await replaceFile(policy, 'default: controlled')
    while ((await fetch(`${server.url}/t7/assets/fasta`)).status === 200) await wait(50)
    await fetch(`${server.url}/t7/assets/fasta`)
    await replaceFile(policy, 'default: open')
    t.match(await server.logged(/less is controlled than before/), { was: 8, is: 0 })
    await replaceFile(config, `${await readFile(config, 'utf8')}refdepot:\n  title: mine\n`)
    await server.logged(/refdepot section of the config has changed; restart/)
    await server.stop()
    t.match((await runHere(['audit', '-c', config])).stdout, /anonymous +denied/)
  },
)
