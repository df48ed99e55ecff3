/**
 * Several replicas over one store and one database: whatever happens to them, clients get every byte, each answer is of one generation, and what
 * one replica is told about access counts on the others at once.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { GenomeFolder } from '../support/genome-folder.ts'
import type { Replica } from '../support/peers/replica.ts'
import { run } from '../support/peers/run.ts'
import {
  archiveIn,
  body,
  CONTROLLED,
  LATE,
  type RunningReplicas,
  runningReplicas,
  status,
} from '../support/peers/running-replicas.ts'
import {
  aria2Client,
  curlClient,
  fetchClient,
  SteadyClients,
  sha256,
} from '../support/peers/steady-clients.ts'
import { until } from '../support/until.ts'

// A download of some seconds, at the pace of the clients.
const BIG_BYTES = 30_000_000
/** Lists that tell of every asset, with digests. */
const LISTS = ['/v3/assets/list', '/_private_api/genomes/dict', '/t7/assets', '/assets?q=late']
const MOST_KILLS = 8
// After so long every count is written and known everywhere.
const SETTLED_MS = 8000
// Whole by curl, in two parts by curl, whole by wget, in segments by aria2; a HEAD and a part of one count nothing.
const COUNTED_DOWNLOADS = 4
// What a killed server had not written of a download of the clients above leaves the rest of it waiting, for two days, for the client of the
// same name. These come under a name of their own, or their first part would complete that one as well (docs/statistics.md).
const COUNTED_AS = 'counted/1.0'

/** What a list says of generations: addresses are those of the server that was asked, sha256 is known once it was looked up, counts grow. */
const essence = (text: string) =>
  text
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, '')
    .replace(/"sha256":(?:null|"\w{64}")/g, '"sha256":…')
    .replace(/"downloads":(?:null|\d+)/g, '"downloads":…')

const lists = (url: string) =>
  Promise.all(LISTS.map(async path => essence((await body(url + path)).toString('utf8'))))

const showsLate = (replica: Replica) => async () =>
  (await body(`${replica.url}/v3/assets/list`)).includes(LATE[0] as string)

/** Clients of every kind, through nginx; `seen` gathers the different answers to each list. */
async function withClients(t: Test, { proxy, first, second }: RunningReplicas) {
  const clients = new SteadyClients(t)
  const big = sha256(await archiveIn(first, 'big'))
  const bigUrl = `${proxy.url}/t7/assets/big/archive`
  const curl = await curlClient(t, bigUrl, big)
  clients.begin('curl', curl.client)
  const byDigest = await curlClient(t, `${proxy.url}/archives/${await md5Of(first)}`, big)
  clients.begin('curl by digest', byDigest.client)
  clients.begin('aria2', await aria2Client(t, bigUrl, big))
  const indexes = [
    sha256(await archiveIn(first, 'bwa_index')),
    sha256(await archiveIn(second, 'bwa_index', 'v2')),
  ]
  const replaced = `${proxy.url}/t7/assets/bwa_index/archive`
  clients.begin(
    'replaced',
    fetchClient(replaced, (answer, bytes) => {
      demand(answer.status === 200, String(answer.status))
      demand(indexes.includes(sha256(bytes)), 'bytes of no generation')
      const md5 = createHash('md5').update(bytes).digest('hex')
      demand(answer.headers.get('etag')?.includes(md5) === true, 'the tag is of another archive')
    }),
  )
  const seen = LISTS.map(() => new Set<string>())
  for (const [at, path] of LISTS.entries()) {
    clients.begin(
      path,
      fetchClient(proxy.url + path, (answer, bytes) => {
        demand(answer.status === 200, String(answer.status))
        demand(!bytes.includes(CONTROLLED), 'names what is controlled')
        seen[at]?.add(essence(bytes.toString('utf8')))
      }),
    )
  }
  const hidden = `${proxy.url}/t7/assets/${CONTROLLED}/archive`
  clients.begin(
    'hidden',
    fetchClient(hidden, (answer, bytes) => {
      demand(answer.status === 404, String(answer.status))
      demand(!bytes.includes('secret-region'), 'tells what is controlled')
    }),
  )
  return { clients, seen, curl }
}

async function md5Of(made: GenomeFolder): Promise<string> {
  return createHash('md5')
    .update(await archiveIn(made, 'big'))
    .digest('hex')
}

function demand(isSo: boolean, message: string): void {
  if (!isSo) throw new Error(message)
}

t.test('clients get every byte while replicas, database and generations come and go', async t => {
  const it = await runningReplicas(t, BIG_BYTES)
  const { one, two, proxy } = it
  const before = await lists(one.url)
  t.same(await lists(two.url), before)
  const { clients, seen, curl } = await withClients(t, it)
  await clients.rounds(1)
  await killed(t, { clients, curl }, [one, two])
  await withoutDatabase(t, it)
  const after = await switched(t, it)
  await clients.rounds(1)
  await rolledBack(t, it, before)
  await clients.rounds(1)
  for (const replica of [one, two]) {
    t.equal(await replica.stop(), 0, 'told to stop, it ends in good order')
    await clients.rounds(1)
    await replica.start()
  }
  await clients.rounds(1)
  await clients.stop()
  t.same([...new Set(clients.problems)], [])
  for (const [at, path] of LISTS.entries()) {
    const known = new Set([before[at], after[at]])
    t.same([...(seen[at] ?? [])].sort(), [...known].sort(), `${path}: one generation or the other`)
  }
  for (const replica of [one, two]) t.same(await replica.leftovers(), [], 'it writes nothing')
  await counted(t, it)
  t.match(
    await proxy.log(),
    / replica=127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ 502, 200\n/,
    'asked elsewhere',
  )
})

/** Downloads that both replicas have counted of an archive. */
async function countedOf(url: string, md5: string): Promise<number> {
  const { items } = JSON.parse((await body(`${url}/stats`)).toString('utf8'))
  return items.find(({ archive }: { archive: string }) => archive === md5)?.downloads ?? 0
}

/** What is downloaded once counts once, whichever of the replicas has sent which part of it. */
async function counted(t: Test, { one, two, proxy, first }: RunningReplicas) {
  const md5 = await md5Of(first)
  await wait(SETTLED_MS)
  const before = await countedOf(one.url, md5)
  t.ok(before > 0, 'what was downloaded under load')
  const home = await mkdtemp(join(tmpdir(), 'refdepot-counted-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const url = `${proxy.url}/t7/assets/big/archive`
  const client = async (program: string, ...args: string[]) => {
    const { code, stderr } = await run(program, [...args, url], { cwd: home })
    t.equal(code, 0, stderr)
  }
  await client('curl', '-A', COUNTED_AS, '-fsS', '-o', 'a')
  await client('curl', '-A', COUNTED_AS, '-fsS', '-o', 'b', '-r', '0-9999999')
  await client('curl', '-A', COUNTED_AS, '-fsS', '-o', 'b', '-C', '-')
  await client('wget', '-q', '-O', 'c')
  await client('aria2c', '-U', `aria2 ${COUNTED_AS}`, '-q', '-x4', '-s4', '-k1M', '-o', 'd')
  await client('curl', '-A', COUNTED_AS, '-fsSI')
  await client('curl', '-A', COUNTED_AS, '-fsS', '-o', 'e', '-r', '0-9999999')
  await wait(SETTLED_MS)
  for (const replica of [one, two]) {
    t.equal((await countedOf(replica.url, md5)) - before, COUNTED_DOWNLOADS, 'exactly')
  }
}

/** One replica after the other dies while a download is at its beginning: one of them is the one that sends it. */
async function killed(
  t: Test,
  { clients, curl }: Pick<Awaited<ReturnType<typeof withClients>>, 'clients' | 'curl'>,
  replicas: readonly Replica[],
) {
  const resumed = () => clients.report('curl').resumed
  for (let round = 0; round < MOST_KILLS && (round === 0 || resumed() === 0); round += 1) {
    for (const replica of replicas) {
      await until('a download begins', async () => {
        const bytes = await curl.bytes()
        return bytes > 0 && bytes < BIG_BYTES / 4
      })
      await replica.kill()
      await clients.rounds(1)
      await replica.start()
    }
  }
  t.ok(resumed() > 0, 'downloads have broken, and went on where they were')
}

async function withoutDatabase(t: Test, { one, two, postgres, admin, proxy }: RunningReplicas) {
  const path = `/t7/assets/${CONTROLLED}/archive`
  for (const { url } of [one, two]) t.equal(await status(url + path, admin), 200)
  await postgres.stop()
  for (const { url } of [one, two, proxy]) {
    t.ok((await status(url + path, admin)) >= 500, 'nobody knows what the token is worth')
    t.equal(await status(url + path), 404)
    t.equal(await status(`${url}/t7/assets/fasta/archive`), 200)
    t.equal(await status(`${url}/readyz`), 200, 'it stays in the round')
  }
  await postgres.start()
  for (const { url } of [one, two])
    await until('the token counts again', async () => (await status(url + path, admin)) === 200)
}

/** Publishes the second generation; answers its lists. */
async function switched(t: Test, { one, two, publish, second }: RunningReplicas) {
  const pushed = await publish('push', '-c', second.config)
  t.equal(pushed.code, 0, 'pushed')
  for (const replica of [one, two]) await until('the new generation', showsLate(replica))
  const after = await lists(one.url)
  t.same(await lists(two.url), after)
  for (const name of LATE) t.ok(after[0]?.includes(name), name)
  return after
}

async function rolledBack(t: Test, { one, two, publish }: RunningReplicas, before: string[]) {
  const back = await publish('rollback')
  t.match(back, { code: 0, stdout: /^generation 1 is served now\n$/ })
  for (const replica of [one, two])
    await until('the old generation', async () => !(await showsLate(replica)()))
  for (const { url } of [one, two]) t.same(await lists(url), before)
}
