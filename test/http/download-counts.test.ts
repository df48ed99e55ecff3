/** Counting downloads over real connections: what arrives counts once, everything else not at all. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { DownloadCounts } from '../../src/http/access/download-counts.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import {
  countingApp,
  getText,
  numbersOf,
  rawClient,
  SETTLE_MS,
  settledNumbers,
  sizedArchives,
} from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

const MB = 1024 * 1024
const BIG = 32 * MB
const SIZES = { small: 3000, big: BIG }
/** Bytes of a status line and headers. */
const LONGEST_HEAD = 1000

const archive = (asset: string) => `/t7/assets/${asset}/archive`

async function fetched(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(url, { method, headers })
  return { status: answer.status, bytes: (await answer.arrayBuffer()).byteLength, answer }
}

const range = (first: number, last: number) => ({ range: `bytes=${first}-${last}` })

t.test('whole answers count, and nothing else that is asked for', async t => {
  const { url, digests } = await countingApp(t, SIZES)
  const small = url + archive('small')
  t.same(await numbersOf(url, 'small'), { downloads: 0, bytes: 0 })
  t.equal((await fetched(small, {}, 'HEAD')).status, 200)
  t.equal((await fetched(small, { 'if-none-match': `"${digests.small}"` })).status, 304)
  t.equal((await fetched(small, { 'if-match': '"other"' })).status, 412)
  t.equal((await fetched(small, range(5000, 6000))).status, 416)
  t.equal((await fetched(`${small}?format=tar`)).status, 404)
  t.same(await settledNumbers(url, 'small', 0), { downloads: 0, bytes: 0 })
  for (let times = 1; times <= 3; times += 1) {
    t.equal((await fetched(small)).bytes, SIZES.small)
    const expected = { downloads: times, bytes: times * SIZES.small }
    t.same(await settledNumbers(url, 'small', times), expected)
  }
  t.equal((await fetched(small, range(0, SIZES.small))).status, 206)
  t.equal((await settledNumbers(url, 'small', 4)).downloads, 4, 'a range that is all of it')
  await fetched(`${url}/archives/${digests.small}`)
  await fetched(`${url}/v3/assets/archive/${T7}/small`)
  t.equal((await settledNumbers(url, 'small', 6)).downloads, 6, 'by whatever path')
})

t.test('ranges are merged to one download', async t => {
  const { url } = await countingApp(t, SIZES)
  const big = url + archive('big')
  const part = BIG / 8
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => fetched(big, range(i * part, (i + 1) * part - 1))),
  )
  t.same(await settledNumbers(url, 'big', 1), { downloads: 1, bytes: BIG })
  const small = url + archive('small')
  for (const [first, last] of [
    [0, 1999],
    [1000, 2500],
    [0, 0],
    [2000, 2998],
  ] as const)
    await fetched(small, range(first, last))
  t.equal((await settledNumbers(url, 'small', 0)).downloads, 0, 'the last byte is missing')
  await fetched(small, { range: 'bytes=0-9,2990-2999' })
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1, 'overlapping, and in parts')
  await fetched(small, { ...range(0, 1499), 'user-agent': 'one' })
  await fetched(small, { ...range(1500, 2999), 'user-agent': 'two' })
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1, 'two programs are two clients')
})

t.test('what is broken off counts when it was continued', async t => {
  const { url } = await countingApp(t, SIZES)
  const broken = await rawClient(url, getText(archive('big')))
  const got = await broken.read(5 * MB)
  broken.socket.destroy()
  const aborted = await settledNumbers(url, 'big', 0)
  t.equal(aborted.downloads, 0)
  t.ok(aborted.bytes >= got.length - LONGEST_HEAD && aborted.bytes < BIG, `${aborted.bytes} bytes`)
  const rest = await rawClient(
    url,
    getText(archive('big'), { range: `bytes=${4 * MB}-`, connection: 'close' }),
  )
  t.ok((await rest.read(BIG)).length > 28 * MB)
  const resumed = await settledNumbers(url, 'big', 1)
  t.same(resumed, { downloads: 1, bytes: aborted.bytes + 28 * MB })
})

t.test('what was sent and thrown away by the client has not arrived', async t => {
  const { url, log } = await countingApp(t, SIZES, { settleMs: 5000 })
  const dropped = await rawClient(url, getText(archive('small')))
  // All of it is in the buffers of the kernel when the answer has ended.
  while (!log.some(line => line.url === archive('small') && line.status === 200)) await wait(10)
  dropped.socket.resetAndDestroy()
  t.equal((await settledNumbers(url, 'small', 0)).downloads, 0)
  const rest = await rawClient(url, getText(archive('small'), { range: 'bytes=1000-' }))
  t.ok((await rest.read(2000)).length >= 2000)
  await wait(100)
  rest.socket.end()
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1, 'the end of it has come now')
})

t.test('a proxy that breaks its connections has taken what was sent', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, SIZES)
  const { listen } = await startApp(
    t,
    { config, archiveFolder: folder },
    { trustProxy: ['loopback'] },
    { state: new LazyState(join(folder, 'state.sqlite')), countDownloads: true, settleMs: 5000 },
  )
  const url = await listen()
  const text = getText(archive('small'), { 'x-forwarded-for': '192.0.2.1' })
  const client = await rawClient(url, text)
  t.ok((await client.read(SIZES.small)).length > SIZES.small)
  client.socket.resetAndDestroy()
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1)
  // Two clients of one proxy are two.
  const half = (from: string, range: string) =>
    fetched(url + archive('small'), { 'x-forwarded-for': from, range })
  await half('192.0.2.1', 'bytes=0-1499')
  await half('192.0.2.2', 'bytes=1500-2999')
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1)
  await half('192.0.2.1', 'bytes=1500-2999')
  t.equal((await settledNumbers(url, 'small', 2)).downloads, 2)
})

t.test('requests behind each other on one connection are told apart', async t => {
  const { url } = await countingApp(t, SIZES)
  const [first, second] = [getText(archive('small')), getText(archive('big'))]
  const client = await rawClient(url, first + first + second)
  await client.read(BIG + 2 * SIZES.small)
  t.same(await settledNumbers(url, 'small', 2), { downloads: 2, bytes: 2 * SIZES.small })
  t.same(await settledNumbers(url, 'big', 1), { downloads: 1, bytes: BIG })
  client.socket.destroy()
  const other = await rawClient(url, first + second)
  // Early: buffers of kernels hold many megabytes, and what is in them was sent.
  const got = await other.read(4 * MB)
  other.socket.destroy()
  const big = await settledNumbers(url, 'big', 1)
  const least = BIG + got.length - SIZES.small - 2 * LONGEST_HEAD
  t.ok(big.downloads === 1 && big.bytes >= least && big.bytes < 2 * BIG, `${big.bytes}`)
})

/** A pull as the refgenie client does it: opens the archive, reads the headers, drops it; then downloads it. */
async function pull(url: string, asset: string) {
  const request = getText(archive(asset), {
    'user-agent': 'Python-urllib/3.11',
    connection: 'close',
  })
  const first = await rawClient(url, request)
  await first.read(1)
  first.socket.destroy()
  const second = await rawClient(url, request)
  const got = await second.read(Number.MAX_SAFE_INTEGER)
  second.socket.destroy()
  return got
}

t.test('a pull of refgenie counts once, however small or large the archive is', async t => {
  const { url } = await countingApp(t, { ...SIZES, middle: MB, empty: 1 })
  for (const asset of ['empty', 'small', 'middle', 'big'] as const) {
    await pull(url, asset)
    t.equal((await settledNumbers(url, asset, 1)).downloads, 1, asset)
    await pull(url, asset)
    t.equal((await settledNumbers(url, asset, 2)).downloads, 2, `${asset} again`)
  }
  await Promise.all(Array.from({ length: 10 }, () => pull(url, 'middle')))
  t.equal((await settledNumbers(url, 'middle', 12)).downloads, 12, 'ten at the same time')
})

t.test('files out of an archive and short links add bytes, and no download', async t => {
  const { listen, depot } = await controlledApp(t, { countDownloads: true, settleMs: SETTLE_MS })
  await depot.check()
  const url = await listen()
  const asset = `${url}/t7/assets/fasta`
  const list = (await (await fetch(`${asset}/files`)).json()) as { path: string; sha256: string }[]
  const [{ sha256 } = { sha256: '' }] = list
  const file = await fetched(`${asset}/files/${T7}.fa`)
  const part = await fetched(`${asset}/files/${T7}.fa.gz`, range(0, 99))
  const object = await fetched(`${url}/objects/${sha256}`)
  t.equal((await fetched(`${asset}/contents`)).status, 200, 'a list is no data')
  const link = async (query: string) => {
    const { url: made } = (await (await fetch(`${asset}/url${query}`)).json()) as { url: string }
    return fetched(made)
  }
  const slice = await link('?range=0-99')
  const log = await fetched(`${asset}/log`)
  t.same([part.bytes, slice.bytes], [100, 100])
  const bytes = file.bytes + object.bytes + log.bytes + 200
  t.same(await settledNumbers(url, 'fasta', 0), { downloads: 0, bytes })
  t.equal((await link('')).status, 200)
  t.equal((await settledNumbers(url, 'fasta', 1)).downloads, 1, 'a link to all of it')
  for (const path of [
    `${asset}/archive?format=tar`,
    `${url}/v2/asset/t7/fasta/archive`,
    `${url}/v3/assets/archive/${T7}/fasta`,
  ]) {
    const before = await numbersOf(url, 'fasta')
    const { status, bytes: got } = await fetched(path)
    t.equal(status, 200, path)
    const { downloads, bytes: sent } = before
    const after = await settledNumbers(url, 'fasta', downloads + 1)
    t.same(after, { downloads: downloads + 1, bytes: sent + got }, path)
  }
})

t.test('nobody learns of downloads of what is hidden', async t => {
  const { listen, get, callers } = await controlledApp(t, {
    countDownloads: true,
    settleMs: SETTLE_MS,
  })
  const url = await listen()
  const secret = `${url}/t7/assets/${PANEL}/archive`
  t.equal((await fetched(secret, bearer(callers.right))).status, 200)
  t.equal((await fetched(url + archive('fasta'))).status, 200)
  t.equal((await settledNumbers(url, 'fasta', 1)).downloads, 1)
  const stats = async (caller: keyof typeof callers, query = '') =>
    (await get(`/stats${query}`, caller)).json()
  const [outside, inside] = [await stats('none'), await stats('right')]
  t.equal(outside.totals.downloads, 1)
  t.equal(inside.totals.downloads, 2)
  t.ok(inside.total > outside.total)
  const hidden = outside.items.some((item: { registry_path: string }) =>
    item.registry_path.includes(PANEL),
  )
  t.notOk(hidden)
  t.same((await stats('none', `?asset=${PANEL}`)).totals, { downloads: 0, bytes: 0 })
  t.equal((await stats('right', `?asset=${PANEL}`)).totals.downloads, 1)
  t.equal((await get(`/t7/assets/${PANEL}`, 'right')).json().downloads, 1)
  t.equal((await get(`/t7/assets/${PANEL}`)).statusCode, 404)
})

t.test('the numbers as JSON, CSV and a page, by day and in pages', async t => {
  const { app, access, digests } = await countingApp(t, { a: 10, b: 20, c: 30 })
  const { downloads } = await access.state.open()
  const row = (asset: string, day: string, n: number, bytes: number) =>
    ({ archive: digests[asset] as string, day, downloads: n, bytes }) as const
  const gone = { archive: 'f'.repeat(32), day: '2026-01-01', downloads: 50, bytes: 50 }
  const days = [
    row('a', '2026-01-01', 1, 10),
    row('a', '2026-01-02', 2, 25),
    row('b', '2026-01-02', 3, 60),
  ]
  await downloads.add({ days: [...days, gone], parts: [] })
  const get = async (query: string, accept = '*/*') =>
    app.inject({ url: `/stats${query}`, headers: { accept } })
  const all = (await get('')).json()
  t.match(all, {
    since: null,
    until: null,
    totals: { downloads: 6, bytes: 95 },
    total: 3,
    offset: 0,
    limit: 100,
  })
  t.same(all.items[0], {
    registry_path: `${T7}/a:default`,
    archive: digests.a,
    downloads: 3,
    bytes: 35,
    days: [
      { day: '2026-01-01', downloads: 1, bytes: 10 },
      { day: '2026-01-02', downloads: 2, bytes: 25 },
    ],
  })
  t.match(all.items[2], { downloads: 0, bytes: 0, days: [] })
  const second = (await get('?since=2026-01-02&until=2026-01-02&limit=1&offset=1')).json()
  t.match(second, { since: '2026-01-02', totals: { downloads: 5, bytes: 85 }, total: 3 })
  t.match(second.items, [{ downloads: 3, days: [{ day: '2026-01-02' }] }])
  t.same((await get('?genome=t7&asset=b')).json().totals, { downloads: 3, bytes: 60 })
  t.equal((await get('?genome=nothing')).json().total, 0)
  const csv = `day,registry_path,archive,downloads,bytes
2026-01-01,${T7}/a:default,${digests.a},1,10
2026-01-02,${T7}/a:default,${digests.a},2,25
2026-01-02,${T7}/b:default,${digests.b},3,60
`
  for (const answer of [await get('?format=csv'), await get('', 'text/csv')]) {
    t.equal(answer.body, csv)
    t.match(answer.headers, { 'content-type': 'text/csv; charset=utf-8', vary: /Accept/ })
  }
  const page = await get('?since=2026-01-01&limit=1&offset=1&genome=t7', 'text/html')
  t.match(page.headers['content-type'], /html/)
  t.match(page.body, /6 downloads and 95.00 B sent, of 3 archives since 2026-01-01/)
  t.match(page.body, /rel="prev"[\s\S]*rel="next"[\s\S]*format&#61;csv/)
  t.match(page.body, `href="/${T7}/assets/b?tag&#61;default">t7/b:default</a>`)
  t.match((await get('?until=2026-01-01', 'text/html')).body, /1 downloads .* until 2026-01-01/)
  t.match((await get('?format=json', 'text/html')).headers['content-type'], /json/)
  for (const bad of ['?since=2026-02-30', '?until=yesterday', '?limit=0', '?format=xml']) {
    t.equal((await get(bad)).statusCode, 400, bad)
  }
})

t.test('counts outlive the server, and are shown where the archive is', async t => {
  const { url, app, start, access, statePath } = await countingApp(t, SIZES)
  await fetched(url + archive('small'))
  t.equal((await settledNumbers(url, 'small', 1)).downloads, 1)
  await fetched(url + archive('small'))
  const record = async (at: string) => (await fetch(`${at}/t7/assets/small`)).json()
  await app.close()
  await access.close()
  const again = await start()
  await again.access.counts.refresh()
  t.match(await record(again.url), { downloads: 2 }, 'what waited was written at the end')
  await fetched(again.url + archive('small'))
  t.equal((await settledNumbers(again.url, 'small', 3)).downloads, 3)
  t.match(await record(again.url), { downloads: 3 })
  const page = await fetch(`${again.url}/t7/assets/small`, { headers: { accept: 'text/html' } })
  t.match(await page.text(), /<dt>Downloads<\/dt><dd>3<\/dd>/)
  const off = await start({ countDownloads: false, state: new LazyState(statePath) })
  await off.access.counts.refresh()
  await fetched(off.url + archive('small'))
  t.match(await record(off.url), { downloads: 3 }, 'what was counted before is shown')
  t.equal((await settledNumbers(off.url, 'small', 3)).downloads, 3)
  await fetched(again.url + archive('small'), range(0, 99))
  await settledNumbers(again.url, 'small', 3)
  for (const name of [statePath, `${statePath}-wal`]) {
    const text = await readFile(name, 'latin1')
    if (name !== statePath)
      t.match(text, /"covered":\[\[0,100\]\]/, 'what is not complete is there')
    t.notMatch(text, /127\.0\.0\.1|::1|node/, 'no address and no program in the state')
  }
})

t.test('without a place for a state everything is answered, and counted in memory', async t => {
  const folder = t.testdir({ file: 'x' })
  const errors: unknown[] = []
  const { config } = await sizedArchives(folder, SIZES)
  const { listen, access } = await startApp(
    t,
    { config, archiveFolder: folder },
    {},
    {
      state: new LazyState(join(folder, 'file', 'state.sqlite')),
      countDownloads: true,
      settleMs: SETTLE_MS,
      onUncounted: error => errors.push(error),
    },
  )
  const url = await listen()
  t.equal((await fetched(url + archive('small'))).status, 200)
  await fetched(url + archive('small'), range(0, 999))
  await fetched(url + archive('small'), range(1000, 2999))
  t.same(await settledNumbers(url, 'small', 2), { downloads: 2, bytes: 6000 })
  await pull(url, 'small')
  t.equal((await settledNumbers(url, 'small', 3)).downloads, 3)
  t.match(await (await fetch(`${url}/t7/assets/small`)).json(), { downloads: 3 })
  await wait(5500)
  await fetched(url + archive('small'))
  t.equal((await settledNumbers(url, 'small', 4)).downloads, 4)
  await access.counts.flush()
  t.equal(errors.length, 1, 'one warning')
})

t.test('counts of a time without the state are written when it is there', async t => {
  const folder = t.testdir({ blocked: 'x' })
  const place = join(folder, 'blocked', 'state.sqlite')
  const errors: unknown[] = []
  const state = new LazyState(place)
  const counts = new DownloadCounts({ state, enabled: true, onError: error => errors.push(error) })
  const sent = {
    archive: 'a',
    view: 'stored',
    asker: '192.0.2.1',
    agent: 'x',
    size: 100,
    arrived: true,
    beganAt: Date.now(),
    endedAt: Date.now(),
  }
  const note = (start: number, end: number) =>
    counts.note({ ...sent, ranges: [{ start, end }], bodySent: end - start })
  note(0, 100)
  note(0, 50)
  await counts.flush()
  t.equal(counts.downloadsOf('a'), 1)
  t.equal(errors.length, 1)
  await rm(join(folder, 'blocked'))
  note(50, 100)
  await counts.close()
  t.equal(counts.downloadsOf('a'), 2, 'the half of before is merged with the half of after')
  const { downloads } = await state.open()
  t.same(await downloads.totals(), new Map([['a', { downloads: 2, bytes: 200 }]]))
  await state.close()
})
