import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseRange } from '../../src/http/byte-ranges.ts'
import { planDelivery } from '../../src/http/deliver.ts'
import { evaluate, rangeStillValid } from '../../src/http/preconditions.ts'
import { memoryBlob } from '../../src/storage/blob.ts'

const SIZE = 1000
const MODIFIED = new Date('2026-01-02T03:04:05.678Z')
const blob = {
  ...memoryBlob(Buffer.alloc(SIZE, 'x'), 'application/octet-stream'),
  etag: 'tag',
  modified: MODIFIED,
  digests: { sha256: '00'.repeat(32) },
}
const HTTP_DATE = 'Fri, 02 Jan 2026 03:04:05 GMT'
const EARLIER = 'Fri, 02 Jan 2026 03:04:04 GMT'

// Range header → [first, last] pairs, 'whole' or 'none' (unsatisfiable).
const RANGES: readonly (readonly [string | undefined, string])[] = [
  [undefined, 'whole'],
  ['bytes=0-9', '0-9'],
  ['BYTES = 0-9', '0-9'],
  ['bytes=990-', '990-999'],
  ['bytes=-50', '950-999'],
  ['bytes=-5000', '0-999'],
  ['bytes=990-5000', '990-999'],
  ['bytes=0-9,20-29', '0-9 20-29'],
  ['bytes=20-29, ,0-9', '0-9 20-29'],
  ['bytes=0-9,5-29', '0-29'],
  ['bytes=0-9,10-19', '0-19'],
  ['bytes=0-29,5-9', '0-29'],
  ['bytes=0-9,5000-', '0-9'],
  ['bytes=1000-', 'none'],
  ['bytes=-0', 'none'],
  ['bytes=5000-6000,-0', 'none'],
  ['bytes=5-2', 'whole'],
  ['bytes=', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=abc', 'whole'],
  ['bytes=0-9,abc', 'whole'],
  ['lines=0-9', 'whole'],
  [`bytes=${Array.from({ length: 101 }, (_, i) => `${i * 3}-${i * 3}`).join(',')}`, 'none'],
]

for (const [header, expected] of RANGES) {
  t.test(`range ${header?.slice(0, 40)} means ${expected}`, async t => {
    const parsed = parseRange(header, SIZE)
    const shown =
      parsed.kind === 'ranges'
        ? parsed.ranges.map(({ start, end }) => `${start}-${end - 1}`).join(' ')
        : { whole: 'whole', unsatisfiable: 'none' }[parsed.kind]
    t.equal(shown, expected)
  })
}

t.test('no range of an empty file can be satisfied', async t => {
  t.equal(parseRange('bytes=0-', 0).kind, 'unsatisfiable')
})

const CONDITIONS: readonly (readonly [Record<string, string>, string])[] = [
  [{}, 'proceed'],
  [{ 'if-match': '"tag"' }, 'proceed'],
  [{ 'if-match': '*' }, 'proceed'],
  [{ 'if-match': '"x", "tag"' }, 'proceed'],
  [{ 'if-match': 'W/"tag"' }, 'failed'],
  [{ 'if-match': '"x"' }, 'failed'],
  [{ 'if-unmodified-since': HTTP_DATE }, 'proceed'],
  [{ 'if-unmodified-since': EARLIER }, 'failed'],
  [{ 'if-unmodified-since': 'no date' }, 'proceed'],
  [{ 'if-match': '"tag"', 'if-unmodified-since': EARLIER }, 'proceed'],
  [{ 'if-none-match': '"tag"' }, 'not-modified'],
  [{ 'if-none-match': 'W/"tag"' }, 'not-modified'],
  [{ 'if-none-match': '*' }, 'not-modified'],
  [{ 'if-none-match': '"x"' }, 'proceed'],
  [{ 'if-none-match': '"x"', 'if-modified-since': HTTP_DATE }, 'proceed'],
  [{ 'if-modified-since': HTTP_DATE }, 'not-modified'],
  [{ 'if-modified-since': EARLIER }, 'proceed'],
]

for (const [headers, expected] of CONDITIONS) {
  t.test(`${JSON.stringify(headers)} → ${expected}`, async t => {
    t.equal(evaluate(headers, blob), expected)
  })
}

t.test('content without a time answers no time conditions', async t => {
  const timeless = { etag: 'tag' }
  t.equal(evaluate({ 'if-modified-since': HTTP_DATE }, timeless), 'proceed')
  t.equal(evaluate({ 'if-unmodified-since': EARLIER }, timeless), 'proceed')
  t.equal(rangeStillValid({ 'if-range': HTTP_DATE }, timeless), false)
})

t.test('If-Range compares strongly', async t => {
  for (const [value, valid] of [
    ['"tag"', true],
    ['"x"', false],
    ['W/"tag"', false],
    [HTTP_DATE, true],
    [EARLIER, false],
  ] as const) {
    t.equal(rangeStillValid({ 'if-range': value }, blob), valid, value)
  }
  t.equal(rangeStillValid({}, blob), true)
})

t.test('a whole answer carries everything a client can use', async t => {
  const plan = planDelivery({}, blob, { filename: 'a"b.tgz', data: true })
  t.same(plan, {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      etag: '"tag"',
      'accept-ranges': 'bytes',
      'cache-control': 'public, no-cache, no-transform',
      'last-modified': HTTP_DATE,
      'repr-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:`,
      'content-disposition': `attachment; filename="a_b.tgz"; filename*=UTF-8''a%22b.tgz`,
      'content-length': '1000',
    },
    ranges: [{ start: 0, end: 1000 }],
  })
  const odd = planDelivery({}, blob, { filename: "é'(1).tgz" })
  t.equal(
    odd.headers['content-disposition'],
    `attachment; filename="_'(1).tgz"; filename*=UTF-8''%C3%A9%27%281%29.tgz`,
  )
  const fixed = planDelivery({}, blob, { cache: 'immutable', vary: 'Accept' })
  t.match(fixed.headers, { 'cache-control': 'public, max-age=31536000, immutable', vary: 'Accept' })
})

t.test('status, headers and ranges follow range and conditions', async t => {
  const table: [Record<string, string>, number, Record<string, string>, number][] = [
    [{ range: 'bytes=0-9' }, 206, { 'content-range': 'bytes 0-9/1000', 'content-length': '10' }, 1],
    [{ range: 'bytes=0-9', 'if-range': '"x"' }, 200, { 'content-length': '1000' }, 1],
    [{ range: 'bytes=2000-' }, 416, { 'content-range': 'bytes */1000', 'content-length': '0' }, 0],
    [{ 'if-none-match': '"tag"', range: 'bytes=0-9' }, 304, { etag: '"tag"' }, 0],
    [{ 'if-match': '"x"' }, 412, { 'content-length': '0' }, 0],
    [{ range: 'bytes=0-9,20-29' }, 206, { 'content-type': 'multipart/byteranges' }, 2],
  ]
  for (const [headers, status, expected, ranges] of table) {
    const plan = planDelivery(headers, blob)
    t.equal(plan.status, status)
    for (const [name, value] of Object.entries(expected)) {
      t.ok(plan.headers[name]?.startsWith(value), `${name}: ${plan.headers[name]}`)
    }
    t.equal(plan.ranges.length, ranges)
  }
})

t.test('an error body is sent whole, whatever the conditions say', async t => {
  const plan = planDelivery({ range: 'bytes=0-1', 'if-none-match': '*' }, blob, { status: 404 })
  t.match(plan, { status: 404, ranges: [{ start: 0, end: SIZE }] })
  t.same(planDelivery({}, memoryBlob('', 'a/b'), {}).ranges, [])
})

t.test('no source but deliver.ts sets lengths, ranges or tags', async t => {
  const files = (await readdir('src', { recursive: true })).filter(name => name.endsWith('.ts'))
  t.ok(files.length > 30)
  // Header names as keys or as arguments of a setter; lists of names to expose are written in capitals.
  const names = 'content-length|content-range|accept-ranges|etag|repr-digest'
  const asKey = new RegExp(`['"](?:${names})['"]`)
  const asArgument = new RegExp(`header\\(\\s*['"](?:${names})['"]`, 'i')
  for (const file of files) {
    if (file === join('http', 'deliver.ts')) continue
    // The other side answers nothing: it reads what servers answer, and the linter keeps it apart from what serves.
    if (/^(?:client|transfer)[/\\]/.test(file)) continue
    // Reading what another server has answered sets nothing here.
    const whole = await readFile(join('src', file), 'utf8')
    const source = whole.replace(/\.headers\.get\('[a-z-]+'\)/g, '')
    t.notMatch(source, asKey, file)
    t.notMatch(source, asArgument, file)
  }
})
