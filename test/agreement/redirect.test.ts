/** Archives fetched from a real store by clients that a server sends there; and credentials that never arrive there. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { withBucket } from '../support/peers/bucket.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { run } from '../support/peers/run.ts'

const URLLIB = `
import sys, urllib.request
request = urllib.request.Request(sys.argv[1])
if len(sys.argv) > 3: request.add_header('Authorization', 'Bearer ' + sys.argv[3])
with urllib.request.urlopen(request) as answer, open(sys.argv[2], 'wb') as file:
    size = int(answer.headers['Content-Length'])
    body = answer.read()
    assert len(body) == size
    file.write(body)
`

/** A store behind something that sees every request to it, and a server that sends clients there. */
async function redirecting(t: Test, mode: string) {
  const it = await withBucket(t)
  await it.push()
  const watched = await faultyProxy(t, it.s3.endpoint, [])
  const server = await it.serve('--serve-from', mode, '--store-endpoint', watched.url)
  const big = await readFile(join(it.made.archiveFolder, T7, 'big__default.tgz'))
  return { ...it, watched, server, big, folder: join(it.made.archiveFolder, '..') }
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

t.test('every client gets the archive from the store', async t => {
  const { server, watched, big, folder } = await redirecting(t, 'auto')
  const url = `${server}/t7/assets/big/archive`
  const clients: Record<string, [string, string[]]> = {
    curl: ['curl', ['-fsSL', '-o', 'curl.tgz', url]],
    wget: ['wget', ['-q', '-O', 'wget.tgz', url]],
    aria2: ['aria2c', ['-q', '-x4', '-s4', '-k1M', '-o', 'aria2.tgz', url]],
    urllib: ['python3', ['-c', URLLIB, url, 'urllib.tgz']],
  }
  for (const [name, [program, args]] of Object.entries(clients)) {
    const before = watched.seen.length
    const done = await run(program, args, { cwd: folder })
    t.equal(done.code, 0, `${name}: ${done.stderr}`)
    t.equal(sha256(await readFile(join(folder, `${name}.tgz`))), sha256(big), name)
    t.ok(watched.seen.length > before, `${name} was at the store`)
  }
  const part = await run('curl', ['-fsSL', '-r', '0-9999999', '-o', 'part.tgz', url], {
    cwd: folder,
  })
  t.equal(part.code, 0)
  const resumed = await run('curl', ['-fsSL', '-C', '-', '-o', 'part.tgz', url], { cwd: folder })
  t.equal(resumed.code, 0, resumed.stderr)
  t.ok((await readFile(join(folder, 'part.tgz'))).equals(big), 'taken up where it was broken off')
  const answer = await fetch(url)
  t.match(answer.headers.get('content-disposition'), 'attachment; filename="big__default.tgz"')
  t.equal(answer.headers.get('content-type'), 'application/octet-stream')
  await answer.body?.cancel()
  const seen = watched.seen.length
  const script = await fetch(url, { headers: { origin: 'https://igv.org' } })
  t.equal(sha256(Buffer.from(await script.arrayBuffer())), sha256(big))
  t.equal((await fetch(`${server}/t7/assets/fasta/archive`)).redirected, false, 'a small one')
  t.equal((await fetch(`${server}/v2/asset/t7/big/archive`)).redirected, false, 'one that is made')
  t.equal(watched.seen.length, seen, 'these came from the server')
})

t.test('credentials never arrive at the store', async t => {
  const { server, watched, big, folder } = await redirecting(t, 'redirect')
  const url = `${server}/t7/assets/big/archive`
  const token = 'rdp_abcdefghijk_0000000000000000000000000000000000000000000000000'
  const clients: [string, string[]][] = [
    ['curl', ['-fsSL', '-H', `Authorization: Bearer ${token}`, '-o', 'x.tgz', url]],
    ['wget', ['-q', '--header', `Authorization: Bearer ${token}`, '-O', 'x.tgz', url]],
    [
      'aria2c',
      ['-q', '--allow-overwrite', '--header', `Authorization: Bearer ${token}`, '-o', 'x.tgz', url],
    ],
    ['python3', ['-c', URLLIB, url, 'x.tgz', token]],
    ['curl', ['-fsSL', '-o', 'x.tgz', url.replace('/t7/', `/~${token}/t7/`)]],
  ]
  for (const [program, args] of clients) {
    const done = await run(program, args, { cwd: folder })
    t.equal(done.code, 0, `${program}: ${done.stderr}`)
    t.ok((await readFile(join(folder, 'x.tgz'))).equals(big), program)
  }
  t.same(watched.headers, [], 'nobody with credentials was sent to the store')
  t.equal((await fetch(url)).status, 200)
  t.same(
    watched.headers.map(headers => headers.authorization),
    [undefined],
  )
})

t.test('signed addresses: changed, expired, and asked for as a link', async t => {
  const { server, watched, big } = await redirecting(t, 'redirect')
  const sent = await fetch(`${server}/t7/assets/big/archive`, { redirect: 'manual' })
  t.equal(sent.status, 307)
  const location = sent.headers.get('location') ?? ''
  t.ok(location.startsWith(watched.url))
  t.equal((await fetch(location.replace('big__', 'fasta__'))).status, 403)
  t.equal((await fetch(location.replace(/Signature=./, 'Signature=z'))).status, 403)
  const asked = await fetch(`${server}/t7/assets/big/url?expires=5s`)
  const link = (await asked.json()) as { url: string; bytes: number }
  t.ok(link.url.startsWith(watched.url))
  t.equal(link.bytes, big.length)
  t.ok(Buffer.from(await (await fetch(link.url)).arrayBuffer()).equals(big))
  await new Promise(done => setTimeout(done, 6500))
  t.equal((await fetch(link.url)).status, 403, 'its time is over')
})
