/** How real clients send a token, and that none of them carries it elsewhere. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openState } from '../../src/state/open-state.ts'
import { controlledFolder, PANEL } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { mangled } from '../support/mangled.ts'
import { CHROMIUM } from '../support/peers/chromium.ts'
import { ended } from '../support/peers/ended-child.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const BED = 'chr1\t10\t20\tsecret-region\n'

/** A new token in the state at a path. */
async function tokenIn(path: string, scope: string): Promise<string> {
  const state = await openState(path)
  const { token } = await state.tokens.create({ name: 'client', scopes: [scope], by: 'test' })
  await state.close()
  return token
}

/** A server whose T7 is controlled, with a token for it. */
async function controlledServer(t: Test) {
  const folder = await controlledFolder(t)
  await writeFile(folder.policy, 'genomes: {t7: {access: controlled}}')
  const token = await tokenIn(folder.state, 'read:t7/*')
  const server = await startOurs(t, [
    '-c',
    folder.config,
    '--policy',
    folder.policy,
    '--state',
    folder.state,
  ])
  const withUser = server.replace('http://', `http://x:${token}@`)
  const host = new URL(server).hostname
  const home = join(folder.archiveFolder, '..', 'home')
  await mkdir(home, { recursive: true })
  const netrc = join(home, '.netrc')
  await writeFile(netrc, `machine ${host} login x password ${token}\n`, { mode: 0o600 })
  return { ...folder, server, token, withUser, home, netrc }
}

t.test('curl, wget, aria2 and rclone read what is controlled, each in its own ways', async t => {
  const { server, token, withUser, home, netrc } = await controlledServer(t)
  const path = `/t7/assets/${PANEL}/files/panel.bed`
  const out = join(home, 'out.bed')
  const config = join(home, 'curlrc')
  await writeFile(config, `header = "Authorization: Bearer ${token}"\n`)
  await writeFile(join(home, 'wgetrc'), `header = Authorization: Bearer ${token}\n`)
  const env = { ...process.env, HOME: home }
  const bare = { ...process.env, HOME: '/nonexistent' }
  const download: [string, string, string[], NodeJS.ProcessEnv][] = [
    [
      'curl, header',
      'curl',
      ['-fsS', '-H', `Authorization: Bearer ${token}`, '-o', out, server + path],
      bare,
    ],
    ['curl, header from a file', 'curl', ['-fsS', '-K', config, '-o', out, server + path], bare],
    ['curl, Basic', 'curl', ['-fsS', '-u', `x:${token}`, '-o', out, server + path], bare],
    ['curl, Basic as user', 'curl', ['-fsS', '-u', `${token}:`, '-o', out, server + path], bare],
    ['curl, .netrc', 'curl', ['-fsS', '--netrc-file', netrc, '-o', out, server + path], bare],
    ['curl, ~/.netrc', 'curl', ['-fsS', '-n', '-o', out, server + path], env],
    ['curl, URL', 'curl', ['-fsS', '-o', out, withUser + path], bare],
    [
      'wget, header',
      'wget',
      ['-q', '--header', `Authorization: Bearer ${token}`, '-O', out, server + path],
      bare,
    ],
    [
      'wget, Basic',
      'wget',
      ['-q', '--auth-no-challenge', '--user', 'x', '--password', token, '-O', out, server + path],
      bare,
    ],
    ['wget, URL', 'wget', ['-q', '--auth-no-challenge', '-O', out, withUser + path], bare],
    ['wget, .netrc', 'wget', ['-q', '--auth-no-challenge', '-O', out, server + path], env],
    [
      'wget, wgetrc',
      'wget',
      ['-q', '-O', out, server + path],
      { ...bare, WGETRC: join(home, 'wgetrc') },
    ],
    [
      'aria2, header',
      'aria2c',
      [
        '-q',
        '--no-conf',
        '--allow-overwrite',
        `--header=Authorization: Bearer ${token}`,
        '-d',
        home,
        '-o',
        'out.bed',
        server + path,
      ],
      bare,
    ],
    [
      'aria2, Basic',
      'aria2c',
      [
        '-q',
        '--no-conf',
        '--allow-overwrite',
        '--http-user=x',
        `--http-passwd=${token}`,
        '-d',
        home,
        '-o',
        'out.bed',
        server + path,
      ],
      bare,
    ],
    [
      'aria2, .netrc',
      'aria2c',
      [
        '-q',
        '--no-conf',
        '--allow-overwrite',
        `--netrc-path=${netrc}`,
        '-d',
        home,
        '-o',
        'out.bed',
        server + path,
      ],
      bare,
    ],
    [
      'rclone, header',
      'rclone',
      ['copyto', `:http:${path.slice(1)}`, out],
      { ...bare, RCLONE_HTTP_URL: server, RCLONE_HTTP_HEADERS: `Authorization,Bearer ${token}` },
    ],
    [
      'rclone, URL',
      'rclone',
      ['copyto', `:http:${path.slice(1)}`, out],
      { ...bare, RCLONE_HTTP_URL: withUser },
    ],
  ]
  for (const [name, program, args, environment] of download) {
    await writeFile(out, 'old')
    const ran = await run(program, args, { env: environment, cwd: home })
    t.equal(ran.code, 0, `${name}: ${ran.stderr}`)
    t.equal(await readFile(out, 'utf8'), BED, name)
  }
  t.not(
    (await run('curl', ['-fsS', '-o', out, server + path], { env: bare })).code,
    0,
    'nobody else',
  )
  const link = JSON.parse(
    (
      await run('curl', ['-fsS', '-K', config, `${server}/t7/assets/${PANEL}/url?file=panel.bed`], {
        env: bare,
      })
    ).stdout,
  ).url
  for (const [program, args] of [
    ['curl', ['-fsS', '-o', out, link]],
    ['wget', ['-q', '-O', out, link]],
  ] as const) {
    await writeFile(out, 'old')
    t.equal((await run(program, [...args], { env: bare })).code, 0, `${program} with a link`)
    t.equal(await readFile(out, 'utf8'), BED)
  }
})

t.test('samtools reads a controlled FASTA by ranges', async t => {
  const { server, token, withUser, home } = await controlledServer(t)
  const path = `/t7/assets/fasta/files/${T7}.fa.gz`
  const location = join(home, 'auth.json')
  await writeFile(location, `${token}\n`)
  const env = {
    ...process.env,
    HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER: 'I understand the risks',
  }
  const plain = await run('curl', ['-fsS', `${withUser}/t7/assets/fasta/files/${T7}.fa`])
  const wanted = plain.stdout.split('\n').slice(1).join('').slice(99, 160)
  const link = JSON.parse(
    (await run('curl', ['-fsS', `${withUser}/t7/assets/fasta/url?file=${T7}.fa.gz`])).stdout,
  ).url
  for (const [name, url, environment] of [
    ['HTS_AUTH_LOCATION', server + path, { ...env, HTS_AUTH_LOCATION: location }],
    ['Basic', withUser + path, env],
    ['a link', link, env],
  ] as const) {
    const ran = await run('samtools', ['faidx', url, 'chr1:100-160'], {
      env: environment,
      cwd: home,
    })
    t.equal(ran.code, 0, `${name}: ${ran.stderr}`)
    t.equal(ran.stdout.split('\n').slice(1).join(''), wanted, name)
  }
})

t.test('a browser reads it from another origin with a header, and by a link', async t => {
  const { server, token, withUser, home } = await controlledServer(t)
  const link = JSON.parse(
    (await run('curl', ['-fsS', `${withUser}/t7/assets/${PANEL}/url?file=panel.bed`])).stdout,
  ).url
  const page = join(home, 'page.html')
  await writeFile(
    page,
    `<body><script>
const text = answer => answer.text().then(body => answer.status + ' ' + body.trim())
const url = '${server}/t7/assets/${PANEL}/files/panel.bed'
Promise.all([
  fetch(url).then(answer => answer.status),
  fetch(url, { headers: { Authorization: 'Bearer ${token}', Range: 'bytes=0-3' } }).then(text),
  fetch('${link}').then(text),
  fetch(url, { credentials: 'include' }).then(() => 'sent', () => 'kept'),
]).then(all => { document.body.textContent = all.join(' | ') }, error => { document.body.textContent = String(error) })
</script></body>`,
  )
  const ran = await run('chromium', [
    ...CHROMIUM,
    `--user-data-dir=${home}/profile`,
    '--virtual-time-budget=5000',
    '--dump-dom',
    `file://${page}`,
  ])
  t.match(ran.stdout, /404 \| 206 chr1 \| 200 chr1\s10\s20\ssecret-region \| kept/)
})

t.test('the refgenie client lists and pulls with a token in the URL of the server', async t => {
  const folder = folderRemovedLast(t)
  const policy = join(folder, 'policy.yaml')
  const statePath = join(folder, 'state.sqlite')
  await writeFile(policy, 'genomes: {t7: {access: controlled}}')
  const token = await tokenIn(statePath, 'read:t7/*')
  const server = await startOurs(t, [
    '-c',
    `${BUILT}/archives/genome_config.yaml`,
    '--policy',
    policy,
    '--state',
    statePath,
  ])
  const client = async (name: string, url: string) => {
    await mkdir(join(folder, name))
    const config = join(folder, name, 'genome_config.yaml')
    const env = { ...process.env, REFGENIE: config, PATH: `${PYTHON_BIN}:${process.env.PATH}` }
    const refgenie = (...args: string[]) => run(`${PYTHON_BIN}/refgenie`, args, { env })
    return {
      home: join(folder, name),
      refgenie,
      init: () => refgenie('init', '-c', config, '-s', url),
    }
  }
  const own = await client('own', `${server}/~${token}`)
  t.equal((await own.init()).code, 0)
  const listed = (await own.refgenie('listr')).stdout
  t.match(listed, /t7/)
  t.match(listed, /lambda/)
  for (const asset of ['fasta', 'bwa_index']) {
    const pulled = await own.refgenie('pull', '-b', `t7/${asset}`)
    t.equal(pulled.code, 0, pulled.stderr)
    const name = asset === 'fasta' ? `${T7}.fa` : `${T7}.fa.bwt`
    const built = await readFile(join(BUILT, 'genomes/data', T7, asset, 'default', name))
    t.same(await readFile(join(own.home, 'data', T7, asset, 'default', name)), built)
  }
  // Lists go through the library requests, which understands this; downloads go through urllib, which does not.
  const user = await client('user', server.replace('http://', `http://x:${token}@`))
  t.equal((await user.init()).code, 0)
  t.match((await user.refgenie('listr')).stdout, /t7/)
  const nobody = await client('nobody', server)
  t.equal((await nobody.init()).code, 0)
  t.notMatch((await nobody.refgenie('listr')).stdout, /t7/)
  await nobody.refgenie('pull', '-b', 't7/fasta')
  t.equal(await stat(join(nobody.home, 'data', T7)).catch(() => undefined), undefined)
})

/** Another host, which notes what reaches it. */
async function otherHost(t: Test) {
  const reached: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    reached.push(request.headers)
    response.end('from elsewhere')
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, reached }
}

t.test('a token never reaches the host that a redirect leads to', async t => {
  const folder = await controlledFolder(t)
  const other = await otherHost(t)
  await writeFile(
    folder.config,
    `${await readFile(folder.config, 'utf8')}remotes:\n  http: {prefix: ${other.url}, description: copy}\n`,
  )
  const token = await tokenIn(folder.state, 'read:t7/*')
  const server = await startOurs(t, [
    '-c',
    folder.config,
    '--policy',
    folder.policy,
    '--state',
    folder.state,
  ])
  const home = join(folder.archiveFolder, '..', 'home')
  await mkdir(home)
  const header = `Authorization: Bearer ${token}`
  const out = join(home, 'out')
  const python = `import sys, urllib.request as u
request = u.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]} if len(sys.argv) > 3 else {})
open(sys.argv[3] if len(sys.argv) > 3 else sys.argv[2], 'wb').write(u.urlopen(request).read())`
  for (const [asset, redirected] of [
    ['fasta', true],
    [PANEL, false],
  ] as const) {
    const url = `${server}/v3/assets/archive/${T7}/${asset}`
    const native = await (
      await fetch(`${server}/t7/assets/${asset}/archive`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).arrayBuffer()
    for (const [name, program, args] of [
      ['curl', 'curl', ['-fsSL', '-H', header, '-o', out, url]],
      [
        'curl --location-trusted',
        'curl',
        ['-fsS', '--location-trusted', '-H', header, '-o', out, url],
      ],
      ['wget', 'wget', ['-q', '--header', header, '-O', out, url]],
      [
        'aria2',
        'aria2c',
        [
          '-q',
          '--no-conf',
          '--allow-overwrite',
          `--header=${header}`,
          '-d',
          home,
          '-o',
          'out',
          url,
        ],
      ],
      ['urllib', 'python3', ['-c', python, url, token, out]],
    ] as const) {
      await writeFile(out, 'old')
      const ran = await run(program, [...args], { cwd: home })
      t.equal(ran.code, 0, `${name}: ${ran.stderr}`)
      t.same(await readFile(out), Buffer.from(native), `${name} has the archive from here`)
    }
    t.same(other.reached, [], 'nothing has reached the other host')
    await run('curl', ['-fsSL', '-o', out, url])
    t.equal(
      other.reached.length,
      redirected ? 1 : 0,
      'without a token open archives come from there',
    )
    t.ok(other.reached.every(({ authorization }) => authorization === undefined))
    other.reached.length = 0
  }
})

t.test('no secret is left anywhere', async t => {
  const folder = await controlledFolder(t)
  const token = await tokenIn(folder.state, 'admin')
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [
    'dist/cli/main.js',
    'serve',
    '-p',
    '0',
    '--host',
    '127.0.0.1',
    '--log-level',
    'trace',
    '-c',
    folder.config,
    '--policy',
    folder.policy,
    '--state',
    folder.state,
  ])
  t.teardown(() => ended(child, 'SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      output += chunk
    })
  for (let i = 0; i < 300 && !/Server listening/.test(output); i += 1)
    await new Promise(done => setTimeout(done, 50))
  const server = /Server listening at (http:\/\/127[^"]+)/.exec(output)?.[1] as string
  const wrong = mangled(token, -8)
  const bodies: string[] = []
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(server + path, { redirect: 'manual', ...init })
    const text = await answer.text()
    bodies.push(`${text}\n${JSON.stringify([...answer.headers])}`)
    return { text, cookie: answer.headers.get('set-cookie') ?? '' }
  }
  for (const secret of [token, wrong]) {
    const headers = { authorization: `Bearer ${secret}` }
    for (const path of [
      '/genomes',
      '/nowhere',
      `/t7/assets/${PANEL}/archive`,
      `/t7/assets/${PANEL}?tag=x&tag=y`,
      '/v3/assets/attrs/x/y',
      '/admin/tokens',
      '/admin/tokens/x',
      '/assets?limit=zero',
    ]) {
      await ask(path, { headers })
      await ask(`/~${secret}${path}`)
    }
    await ask('/login', { method: 'POST', body: new URLSearchParams({ token: secret }) })
    await ask('/login', {
      method: 'POST',
      body: `{"token": "${secret}`,
      headers: { 'content-type': 'application/json' },
    })
    await ask('/auth/introspect', {
      method: 'POST',
      headers,
      body: new URLSearchParams({ token: secret }),
    })
    await ask('/admin/tokens', {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"name": 7',
    })
  }
  const login = await ask('/login', { method: 'POST', body: new URLSearchParams({ token }) })
  const cookie = /refdepot_session=([\w-]+)/.exec(login.cookie)?.[1] as string
  bodies.pop()
  await ask('/genomes', { headers: { cookie: `refdepot_session=${cookie}` } })
  const link = JSON.parse(
    (await ask(`/t7/assets/${PANEL}/url`, { headers: { authorization: `Bearer ${token}` } })).text,
  ).url as string
  bodies.pop()
  await ask(link.replace(server, ''))
  await ask(`${link.replace(server, '')}x`)
  await new Promise(done => setTimeout(done, 1500))
  const ps = await run('ps', ['-eo', 'args'])
  t.match(ps.stdout, 'dist/cli/main.js serve')
  const files = await Promise.all(
    (await readdir(folder.archiveFolder, { recursive: true, withFileTypes: true }))
      .filter(it => it.isFile())
      .map(it => readFile(join(it.parentPath, it.name), 'latin1')),
  )
  t.ok(files.length > 10)
  t.ok(output.split('\n').length > 40, 'the log says something')
  const signed = link.split('/links/')[1]?.split('/')[0] as string
  const secrets = {
    token: token.split('_')[2],
    wrong: wrong.split('_')[2],
    cookie,
    link: signed.split('.')[1],
  }
  for (const [name, secret] of Object.entries(secrets) as [string, string][]) {
    t.ok(secret.length > 20)
    t.notOk(output.includes(secret), `${name} in the log`)
    t.notOk(
      bodies.some(body => body.includes(secret)),
      `${name} in answers`,
    )
    t.notOk(
      files.some(file => file.includes(secret)),
      `${name} in files`,
    )
    t.notOk(ps.stdout.includes(secret), `${name} in the list of processes`)
  }
})
