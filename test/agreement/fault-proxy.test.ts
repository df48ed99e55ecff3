/** The proxy that the proofs of the client stand on: each fault breaks a plain curl when it fires, and without faults nothing is changed. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { drawFault, FAULT_KINDS, type FaultKind } from '../support/faults/fault-kinds.ts'
import { FaultProxy, type FaultProxyOptions } from '../support/faults/fault-proxy.ts'
import { staticFiles } from '../support/faults/static-files.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { startApp } from '../support/start-app.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

// 1,099 pieces of `slow`, 5 ms apart at least: 5.4 s, with something to spare for timers that are early.
const SIZE = 9_000_000
const CONTENT = noise(SIZE)
const SEEDS = [1, 2, 3]
// A part in the middle.
const [FIRST, LAST] = [1_000_000, 1_999_999]
// What only takes time breaks a client that has little of it.
const TIMED: readonly FaultKind[] = ['stall', 'silent', 'trickle', 'slow']
// These need a range to be wrong about; the last one is found by curl when it goes on with a file.
const RANGED: readonly FaultKind[] = ['ignore-range', 'other-range']
const RESUMED: readonly FaultKind[] = ['lying-range']
// Enough for a stall of the machine while nothing is meant to be slow.
const MAX_SECONDS = '3'
const HOLD_MS = 12_000

/** What `curl -f -o` leaves behind: an exit code, and whether the file is right. */
async function curl(t: Test, url: string, kind?: FaultKind) {
  const folder = folderRemovedLast(t, { begun: CONTENT.subarray(0, FIRST) })
  const ranged = kind !== undefined && RANGED.includes(kind)
  const resumed = kind !== undefined && RESUMED.includes(kind)
  const out = join(folder, resumed ? 'begun' : 'out')
  const more = [
    ...(ranged ? ['-r', `${FIRST}-${LAST}`] : []),
    ...(resumed ? ['-C', '-'] : []),
    ...(kind !== undefined && TIMED.includes(kind) ? ['--max-time', MAX_SECONDS] : []),
  ]
  const { code } = await run('curl', ['-sfL', ...more, '-o', out, url])
  const got = await readFile(out).catch(() => Buffer.alloc(0))
  const right = ranged ? CONTENT.subarray(FIRST, LAST + 1) : CONTENT
  return { code, isRight: got.equals(right) }
}

async function before(t: Test, options: Omit<FaultProxyOptions, 'origin'>) {
  const { url: origin } = await staticFiles(t, { '/file': CONTENT })
  return FaultProxy.start(t, { origin, holdMs: HOLD_MS, ...options })
}

for (const kind of FAULT_KINDS) {
  t.test(`${kind} breaks a plain curl`, async t => {
    for (const seed of SEEDS) {
      const proxy = await before(t, {
        seed,
        chance: 1,
        kinds: [kind],
        redirects: kind === 'expired-link',
      })
      // A link may count for some requests before it expires.
      let broken = await curl(t, `${proxy.url}/file`, kind)
      for (let i = 0; i < 20 && proxy.fired.size === 0; i += 1) {
        broken = await curl(t, `${proxy.url}/file`, kind)
      }
      t.ok((proxy.fired.get(kind) ?? 0) > 0, `${seed}: it has fired`)
      t.ok(broken.code !== 0 || !broken.isRight, `${seed}: curl ends with ${broken.code}`)
    }
  })
}

t.test('without faults the bytes are those of the file', async t => {
  for (const redirects of [false, true]) {
    const proxy = await before(t, { seed: 1, chance: 0, redirects })
    for (const kind of [undefined, 'other-range', 'lying-range', 'slow'] as const) {
      t.same(await curl(t, `${proxy.url}/file`, kind), { code: 0, isRight: true }, kind ?? 'whole')
    }
    t.equal(proxy.fired.size, 0)
    t.equal(proxy.sent, 3 * SIZE + (LAST + 1 - FIRST) - FIRST)
    t.equal(
      proxy.seen.filter(({ linked }) => linked).length,
      redirects ? 4 : 0,
      'signed addresses are for those who want them',
    )
  }
})

t.test('a real refdepot behind it answers as by itself', async t => {
  const { listen } = await startApp(t)
  const origin = await listen()
  const proxy = await FaultProxy.start(t, { origin, seed: 1, chance: 0 })
  for (const path of ['/v3/genomes/list', '/t7/assets/fasta/archive', '/nowhere']) {
    const [direct, through] = await Promise.all([fetch(origin + path), fetch(proxy.url + path)])
    t.equal(through.status, direct.status, path)
    t.equal(through.headers.get('etag'), direct.headers.get('etag'), path)
    const [a, b] = await Promise.all([direct.arrayBuffer(), through.arrayBuffer()])
    t.ok(Buffer.from(a).equals(Buffer.from(b)), `${path} of ${T7}`)
  }
})

t.test('the same seed means the same faults, in any order of requests', t => {
  const odds = { seed: 7, chance: 0.5, kinds: FAULT_KINDS }
  const keys = Array.from({ length: 300 }, (_, i) => `GET /file bytes=${i}-`)
  const kindsOf = (seed: number, order: readonly string[]) =>
    new Map(order.map(key => [key, drawFault({ ...odds, seed }, key, 0)?.kind ?? 'none']))
  const one = kindsOf(7, keys)
  const two = kindsOf(7, keys.toReversed())
  t.ok(keys.every(key => one.get(key) === two.get(key)))
  t.notSame(kindsOf(8, keys), one)
  t.equal(new Set(one.values()).size, FAULT_KINDS.length + 1, 'each kind is drawn, and none')
  t.end()
})

t.test('a proxy with so many faults has no more of them', async t => {
  const proxy = await before(t, { seed: 1, chance: 1, kinds: ['flip', 'cut'], most: 2 })
  for (const isRight of [false, false, true, true]) {
    t.match(await curl(t, `${proxy.url}/file`), { isRight })
  }
})

t.test('what nobody felt has not fired', async t => {
  // The client goes before the place of the fault is reached.
  const size = 64 * 1024 * 1024
  const { url: origin } = await staticFiles(t, { '/file': Buffer.alloc(size, 7) })
  const kinds = ['flip', 'cut', 'reset', 'stall', 'trickle', 'duplicate'] as const
  for (const kind of kinds) {
    const seed = [...Array(1000).keys()].find(
      own => (drawFault({ seed: own, chance: 1, kinds: [kind] }, KEY, 0)?.at ?? 0) > 0.9,
    )
    const proxy = await FaultProxy.start(t, { origin, seed: seed ?? 0, chance: 1, kinds: [kind] })
    const [answer] = (await once(get(`${proxy.url}/file`), 'response')) as [IncomingMessage]
    answer.destroy()
    while (proxy.seen.length === 0) await new Promise(done => setTimeout(done, 5))
    t.match(proxy.seen, [{ meant: kind, fired: false }], kind)
  }
  // There is no range to be wrong about.
  for (const kind of ['ignore-range', 'other-range', 'lying-range'] as const) {
    const proxy = await before(t, { seed: 1, chance: 1, kinds: [kind] })
    t.same(await curl(t, `${proxy.url}/file`), { code: 0, isRight: true })
    t.match(proxy.seen, [{ meant: kind, fired: false }], kind)
  }
  // Twice the same bytes are no other bytes.
  const same = await FaultProxy.start(t, { origin, seed: 1, chance: 1, kinds: ['duplicate'] })
  t.equal((await (await fetch(`${same.url}/file`)).arrayBuffer()).byteLength, size)
  t.match(same.seen, [{ meant: 'duplicate', fired: false }])
})

// The key that the proxy draws by for a request without a range.
const KEY = 'false GET /file '
