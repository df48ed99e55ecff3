/** From a file on a laptop to everybody's download, by one command. */

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'

const packed = await readFile('scripts/peers/t7.fa.gz')

/** A server that takes uploads into an empty store, and tokens for it. */
async function laptop(t: Test, ...more: string[]) {
  const folder = t.testdir({ 't7.fa.gz': packed, star: { 'index.bin': noise(9_500_000) } })
  const state = join(folder, 'state.sqlite')
  const store = join(folder, 'store')
  const token = async (name: string, ...scopes: string[]) => {
    const made = await runHere([
      'token',
      'create',
      '--state',
      state,
      '--name',
      name,
      '--scope',
      ...scopes,
    ])
    return made.stdout.trim()
  }
  const writer = await token('writer', 'write:seven/*')
  const server = await serveCli(t, [
    '--store',
    store,
    '--state',
    state,
    '--accept-uploads',
    'true',
    ...more,
  ])
  const publish = (path: string, as: string, ...args: string[]) =>
    runHere(['publish', join(folder, path), '--as', as, '--server', server.url, ...args], {
      REFDEPOT_TOKEN: writer,
    })
  return { folder, state, store, server, token, writer, publish }
}

t.test('one command, and everybody can download it', async t => {
  const { publish, server, folder, store, token, state } = await laptop(t)
  const first = await publish(
    't7.fa.gz',
    'seven/fasta:v1',
    '--licence',
    'CC0-1.0',
    '--description',
    'phage',
  )
  t.match(first, { code: 0, stdout: `published ${T7}/fasta:v1 (generation 1)\n` })
  t.match(first.stderr, /sent .* of .*\nthe server compares it\n/)
  t.notMatch(first.stderr, /rdp_/)
  const get = async (path: string) =>
    Buffer.from(await (await fetch(server.url + path)).arrayBuffer())
  t.same(JSON.parse(String(await get('/v3/genomes/list'))), [T7])
  t.ok((await get(`/seven/assets/fasta/files/${T7}.fa`)).equals(gunzipSync(packed)))
  t.match(JSON.parse(String(await get('/seven/assets/fasta'))), { licence: 'CC0-1.0', tag: 'v1' })
  const second = await publish('star', 'seven/star_index:2.7', '--genome-digest', T7, '--json')
  t.equal(second.code, 0, second.stderr)
  const lines = second.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(lines.at(-1), { event: 'published', registryPath: `${T7}/star_index:2.7`, generation: 2 })
  t.ok(
    (await get('/seven/assets/star_index/files/index.bin')).equals(
      await readFile(join(folder, 'star/index.bin')),
    ),
  )
  t.match(
    (await publish('t7.fa.gz', 'seven/fasta:v1', '--licence', 'CC0-1.0')).stdout,
    /generation 2\)\n$/,
    'there already',
  )
  await writeFile(join(folder, 'star/index.bin'), 'something else')
  t.match(await publish('star', 'seven/star_index:2.7', '--genome-digest', T7), {
    code: 1,
    stderr: /answers 409: .* is published with the archive .*publish it under a new tag/,
  })
  t.match(
    await publish(
      'star',
      'seven/star_index:2.8',
      '--genome-digest',
      T7,
      '--access',
      'controlled',
      '--study',
      'S1',
    ),
    { code: 0 },
  )
  t.equal(
    (await fetch(`${server.url}/seven/assets/star_index/archive?tag=2.8`)).status,
    404,
    'controlled',
  )
  const reader = await token('reader', 'S1.READ')
  const answer = await fetch(`${server.url}/seven/assets/star_index/archive?tag=2.8`, {
    headers: { authorization: `Bearer ${reader}` },
  })
  t.equal(answer.status, 200)
  await answer.arrayBuffer()
  const audit = await runHere(['audit', '--state', state, '--json'])
  t.match(audit.stdout, /"upload-begun"(?:.|\n)*"published"/)
  t.match(
    await runHere([
      'publish',
      join(folder, 't7.fa.gz'),
      '--as',
      'seven/fasta:v9',
      '--store',
      store,
    ]),
    {
      code: 0,
      stdout: /generation 4\)\n$/,
    },
  )
})

t.test('who may not, and what cannot', async t => {
  const { publish, server, folder, token, writer } = await laptop(t)
  t.match(await publish('t7.fa.gz', 'other/fasta:v1'), {
    code: 4,
    stderr: /a scope such as write:other\/fasta:v1/,
  })
  const reader = await token('reader', 'read:*')
  const as = (text: string, ...args: string[]) =>
    runHere(
      [
        'publish',
        join(folder, 't7.fa.gz'),
        '--as',
        'seven/fasta:v1',
        '--server',
        server.url,
        ...args,
      ],
      { REFDEPOT_TOKEN: text },
    )
  t.match(await as(reader), { code: 4, stderr: /answers 403: .*write:GENOME/ })
  t.match(await as('rdp_no'), { code: 4, stderr: /answers 401/ })
  t.match(await as(''), { code: 2, stderr: /a token with a write scope, in \$REFDEPOT_TOKEN/ })
  t.match(await as('', '--token-file', join(folder, 'none')), { code: 2, stderr: /--token-file/ })
  await writeFile(join(folder, 'token'), `${writer}\n`)
  t.match(await as('', '--token-file', join(folder, 'token')), { code: 0 })
  t.match(await publish('nothing', 'seven/fasta:v2'), {
    code: 1,
    stderr: /there is no such folder or file/,
  })
  t.match(await publish('star', 'seven/star:v2'), { code: 1, stderr: /--genome-digest/ })
  for (const [name, args] of [
    ['--as', ['seven']],
    ['--seek-key', ['seven/x:v1', '--seek-key', 'no']],
    ['--access', ['seven/x:v1', '--access', 'secret']],
    ['--jobs', ['seven/x:v1', '--genome-digest', T7, '--jobs', 'x']],
  ] as const) {
    t.match(await publish('star', args[0], ...args.slice(1)), { code: 2, stderr: new RegExp(name) })
  }
  t.match(await runHere(['publish', 'x', '--as', 'a/b']), {
    code: 2,
    stderr: /a server \(--server URL\) or a store/,
  })
  t.match(
    await publish('star', 'seven/star:v2', '--genome-digest', T7, '--seek-key', 'gone=no.bin'),
    {
      code: 1,
      stderr: /seek key 'gone' leads to no.bin, which is not there/,
    },
  )
  t.match(
    await runHere([
      'serve',
      '--store',
      'https://x',
      '--cache-folder',
      folder,
      '--accept-uploads',
      'true',
      '-p',
      '0',
    ]),
    {
      code: 1,
    },
  )
  t.match(
    await runHere([
      'serve',
      '-c',
      'example/genome_config.yaml',
      '--archive-folder',
      'example',
      '--accept-uploads',
      'true',
      '-p',
      '0',
    ]),
    {
      code: 2,
      stderr: /--accept-uploads: 'true' is not allowed; give a --store/,
    },
  )
})

t.test('the routes', async t => {
  const { server, writer } = await laptop(t)
  const ask = async (method: string, path: string, token?: string, body?: string, headers = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(server.url + path, {
      method,
      headers: {
        ...authorization,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  t.match(await ask('POST', '/uploads', undefined, '{}'), { status: 401 })
  t.match(await ask('POST', '/uploads', writer, '{}'), {
    status: 409,
    body: { code: 'upload-refused' },
  })
  t.match(await ask('POST', '/uploads', writer, '{'), { status: 400 })
  t.match(await ask('POST', '/uploads', writer, '{}', { origin: 'https://evil.example.org' }), {
    status: 403,
  })
  for (const [method, path, body] of [
    ['GET', '/uploads/x'],
    ['POST', '/uploads/x/complete', '{}'],
    ['DELETE', '/uploads/x'],
    [
      'POST',
      '/uploads/x/parts',
      JSON.stringify({ parts: [{ number: 1, sha256: '0'.repeat(64) }] }),
    ],
  ] as const) {
    t.match(
      await ask(method, path, writer, body),
      { status: 404, body: { code: 'unknown-upload' } },
      path,
    )
    t.match(await ask(method, path, undefined, body), { status: 401 }, path)
  }
  t.match(await ask('POST', '/uploads/x/parts', writer, '{"parts":[]}'), { status: 400 })
  const part = (headers: Record<string, string>) =>
    ask('PUT', '/uploads/x/parts/1', writer, 'x', {
      'content-type': 'application/octet-stream',
      ...headers,
    })
  t.match(await part({ 'content-digest': 'md5=:x:' }), {
    status: 400,
    body: { detail: /sha-256=:BASE64:/ },
  })
  t.match(await part({ 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` }), {
    status: 404,
  })
  const closed = await serveCli(t, [
    '-c',
    'example/genome_config.yaml',
    '--archive-folder',
    'example',
    '--count-downloads',
    'false',
    '--state',
    join(t.testdirName, 'state.sqlite'),
  ])
  const off = await fetch(`${closed.url}/uploads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${writer}` },
  })
  t.equal(off.status, 404)
  t.match(await off.json(), { code: 'uploads-off' })
})

t.test('a network that fails now and then', async t => {
  const { server, folder, writer } = await laptop(t)
  let count = 0
  // Every third request is broken off or answered badly.
  const flaky = createServer((request, reply) => {
    count += 1
    if (count % 3 === 0) {
      if (count % 2 === 0) request.socket.destroy()
      else reply.writeHead(503).end('busy')
      return
    }
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', async () => {
      const {
        host: _host,
        connection: _c,
        'content-length': _l,
        'transfer-encoding': _t,
        ...headers
      } = request.headers
      const body = Buffer.concat(chunks)
      const answer = await fetch(server.url + request.url, {
        method: request.method ?? 'GET',
        headers: headers as Record<string, string>,
        ...(body.length > 0 && { body }),
      })
      reply.writeHead(answer.status, {
        'content-type': answer.headers.get('content-type') ?? 'text/plain',
      })
      reply.end(Buffer.from(await answer.arrayBuffer()))
    })
  })
  await new Promise<void>(done => flaky.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    flaky.closeAllConnections()
    flaky.close()
  })
  const url = `http://127.0.0.1:${(flaky.address() as AddressInfo).port}`
  const done = await runHere(
    [
      'publish',
      join(folder, 'star'),
      '--as',
      'seven/star:v1',
      '--genome-digest',
      T7,
      '--server',
      url,
    ],
    { REFDEPOT_TOKEN: writer },
  )
  t.equal(done.code, 0, done.stderr)
  t.ok(count > 6)
  const odd = await runHere(['publish', 'x', '--as', 'a/b:c', '--server', 'ftp://127.0.0.1'])
  t.match(odd, { code: 2, stderr: /--server: 'ftp:\/\/127.0.0.1' is not allowed/ })
})
