/** A mirror of the living refgenieserver, and of a bucket: fetched once, compared, and there when the origin is not. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { ask } from '../support/peers/answer.ts'
import { serveFrom, withBucket } from '../support/peers/bucket.ts'
import { EXPLANATIONS } from '../support/peers/explained-differences.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { peerRequests } from '../support/peers/requests.ts'
import { BUILT, startOurs, startPeer } from '../support/peers/servers.ts'
import { s3Environment } from '../support/peers/versitygw.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const ARCHIVES = `${BUILT}/archives`
const MINIMUM_COMPARISONS = 300
// A few at once: 500 nodes of a cluster ask for the same.
const CLIENTS = 60

async function body(url: string, headers = {}): Promise<Buffer> {
  const answer = await fetch(url, { headers })
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}

/** Length and digest of a body, of which no more than a chunk is held: many at once are gigabytes. */
async function hashedBody(url: string) {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of answer.body ?? []) {
    length += chunk.length
    hash.update(chunk)
  }
  return { length, sha256: hash.digest('hex') }
}

t.test('a mirror of refgenieserver answers as refgenieserver does', async t => {
  const peer = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const between = await faultyProxy(t, peer, [])
  const cache = join(folderRemovedLast(t), 'cache')
  const ours = await startOurs(t, ['--store', between.url, '--cache-folder', cache])
  let compared = 0
  for (const request of peerRequests()) {
    const [theirs, mine] = await Promise.all([ask(peer, request), ask(ours, request)])
    compared += 1
    if (JSON.stringify(theirs) === JSON.stringify(mine)) continue
    if (EXPLANATIONS.some(it => it.matches(request, theirs, mine))) continue
    t.fail(JSON.stringify({ request, theirs, mine }))
  }
  t.ok(compared >= MINIMUM_COMPARISONS, `${compared} comparisons`)
})

t.test('many ask, one fetches; without the origin it goes on', async t => {
  const { made, push, s3, place } = await withBucket(t)
  await push()
  const between = await faultyProxy(t, s3.endpoint, [])
  const through = { ...s3, env: s3Environment(between.url) }
  const cache = join(made.archiveFolder, '..', 'cache')
  const args = ['--cache-folder', cache, '--watch-interval', '0.5']
  const server = await serveFrom(t, through, place, args)
  const wanted = await readFile(join(made.archiveFolder, T7, 'big__default.tgz'))
  const url = `${server}/t7/assets/big/archive`
  const before = between.seen.length
  const expected = {
    length: wanted.length,
    sha256: createHash('sha256').update(wanted).digest('hex'),
  }
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => hashedBody(url)))
  t.same(all, Array(CLIENTS).fill(expected))
  const bytes = between.seen
    .slice(before)
    .map(line => /^GET none bytes=(\d+)-(\d+)$/.exec(line))
    .filter(match => match !== null)
    .map(([, first, last]) => Number(last) - Number(first) + 1)
    .filter(length => length > 100_000)
  t.equal(
    bytes.reduce((sum, length) => sum + length, 0),
    wanted.length,
    `${CLIENTS} clients, and every byte fetched once`,
  )
  await s3.stop()
  t.ok((await body(url)).equals(wanted))
  t.ok(
    (await body(url, { range: 'bytes=5000000-6000000' })).equals(
      wanted.subarray(5_000_000, 6_000_001),
    ),
  )
  const again = await serveFrom(t, through, place, args)
  t.ok((await body(`${again}/t7/assets/big/archive`)).equals(wanted), 'also after a new start')
})

t.test('faults of the store, and bytes that were flipped in it', async t => {
  const { made, push, s3, place } = await withBucket(t)
  await push()
  const wanted = await readFile(join(made.archiveFolder, T7, 'big__default.tgz'))
  const faults: Parameters<typeof faultyProxy>[2] = []
  const between = await faultyProxy(t, s3.endpoint, faults)
  const cache = join(made.archiveFolder, '..', 'cache')
  const through = { ...s3, env: s3Environment(between.url) }
  const server = await serveFrom(t, through, place, ['--cache-folder', cache])
  faults.push(500, 'broken', 503, 'short', 'broken', 500)
  const url = `${server}/t7/assets/big/archive`
  const taken = { range: 'bytes=0-12000000' }
  t.ok((await body(url, taken)).equals(wanted.subarray(0, 12_000_001)))
  t.same(faults, [], 'all of them have happened')
  const object = join(
    s3.folder,
    'refs/archives',
    JSON.parse(String(await readFile(join(made.archiveFolder, T7, 'big__default.tgz.index.json'))))
      .archive.md5,
    'big__default.tgz',
  )
  const bytes = await readFile(object)
  bytes[25_000_000] = (bytes[25_000_000] as number) ^ 1
  await writeFile(object, bytes)
  const got: Buffer[] = []
  await t.rejects(async () => {
    for await (const chunk of (await fetch(url)).body ?? []) got.push(Buffer.from(chunk))
  }, 'the connection breaks')
  const whole = Buffer.concat(got)
  t.ok(
    whole.length < 25_000_000 && whole.equals(wanted.subarray(0, whole.length)),
    'all that came is right',
  )
})
