/** Downloads of single files: right bytes or an error, whatever the server does. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DigestMismatch, RemoteFailed } from '../../src/domain/transfer-errors.ts'
import { downloadFile } from '../../src/transfer/download-file.ts'
import { PART_SIZE } from '../../src/transfer/part-plan.ts'
import { type Hook, rangeServer, sendRange } from '../support/range-server.ts'
import { digestOf, fastNoise, quickly, remoteFile } from '../support/remote-files.ts'

const CONTENT = fastNoise(5 * PART_SIZE + 12_345)

async function setUp(t: Test, hook?: Hook, parts = true, content = CONTENT) {
  const server = await rangeServer(t, { 'a.tgz': content }, hook)
  const file = remoteFile(content, [`${server.url}/a.tgz`], parts)
  const folder = t.testdir()
  const target = join(folder, 'a.tgz')
  const left = async () => (await readdir(folder)).sort()
  return { server, file, target, folder, left, options: quickly(t) }
}

for (const parts of [true, false]) {
  const kind = parts ? 'with hashes of parts' : 'with a whole digest only'

  t.test(`whole files, ${kind}`, async t => {
    for (const size of [0, 1, 1000, PART_SIZE, PART_SIZE + 1, CONTENT.length]) {
      const content = CONTENT.subarray(0, size)
      const server = await rangeServer(t, { 'a.tgz': content })
      const target = join(t.testdirName, `${size}.tgz`)
      const options = quickly(t)
      const file = remoteFile(content, [`${server.url}/a.tgz`], parts)
      const summary = await downloadFile(file, target, options)
      t.strictSame(summary, { received: size, resumed: 0, retried: 0 })
      t.ok((await readFile(target)).equals(content), `${size} bytes`)
      const sum = (name: string) =>
        options.events.reduce((all, e) => all + (e.event === name ? e.bytes : 0), 0)
      t.strictSame([sum('received'), sum('verified'), sum('hashed')], [size, size, size])
    }
    const names = await readdir(t.testdirName)
    t.equal(names.length, 6, 'and nothing beside them')
  })

  t.test(`broken off at every second request, ${kind}`, async t => {
    const { file, target, options, server, left } = await setUp(
      t,
      ({ response, number, range }) => {
        if (number % 2 === 1) return false
        const { start, end } = range ?? { start: 0, end: CONTENT.length }
        response.writeHead(206, {
          'content-length': end - start,
          'content-range': `bytes ${start}-${end - 1}/${CONTENT.length}`,
        })
        response.write(CONTENT.subarray(start, start + 100_000), () => response.destroy())
        return true
      },
      parts,
    )
    const summary = await downloadFile(file, target, options)
    t.ok((await readFile(target)).equals(CONTENT))
    t.equal(summary.retried, 0, 'what had come is used')
    t.ok(server.requests.length > 4)
    t.strictSame(await left(), ['a.tgz'])
  })

  t.test(`a server without ranges, ${kind}`, async t => {
    let broken = 0
    const { file, target, options, server } = await setUp(
      t,
      ({ response }) => {
        response.writeHead(200, { 'content-length': CONTENT.length })
        // The first whole answer ends in the middle.
        if (broken++ === 8) response.write(CONTENT.subarray(0, 9_000_000), () => response.destroy())
        else response.end(CONTENT)
        return true
      },
      parts,
    )
    const summary = await downloadFile(file, target, options)
    t.ok((await readFile(target)).equals(CONTENT))
    t.ok(
      server.requests.some(({ range }) => range === undefined),
      'asked for the whole',
    )
    t.ok(summary.received >= CONTENT.length)
  })

  t.test(`goes on after it was stopped, ${kind}`, async t => {
    const stop = new AbortController()
    let isHeld = true
    const { file, target, options, server, left } = await setUp(
      t,
      ({ range, response }) => {
        if (!isHeld || range === undefined) return false
        // Two parts come, then nothing.
        const { start } = range
        if (start < 2 * PART_SIZE) sendRange(response, CONTENT, { start, end: 2 * PART_SIZE })
        return true
      },
      parts,
    )
    let verified = 0
    const first = downloadFile(file, target, {
      ...options,
      jobs: 1,
      signal: stop.signal,
      onEvent: event => {
        if (event.event === 'verified') verified += 1
        if (verified === 2) stop.abort(new Error('stopped'))
      },
    })
    await t.rejects(first, { message: 'stopped' })
    t.strictSame(await left(), ['a.tgz.part', 'a.tgz.part.journal'])
    const journal = await readFile(`${target}.part.journal`, 'utf8')
    t.notMatch(journal, /http|127\.0\.0\.1/, 'no address in it')
    // The end of a line that a kill has cut off is no part.
    await writeFile(`${target}.part.journal`, '3', { flag: 'a' })
    const before = server.requests.length
    isHeld = false
    const summary = await downloadFile(file, target, options)
    t.equal(summary.resumed, 2 * PART_SIZE)
    t.equal(summary.received, CONTENT.length - 2 * PART_SIZE)
    t.ok(server.requests.length > before)
    t.ok((await readFile(target)).equals(CONTENT))
    t.strictSame(await left(), ['a.tgz'])
  })
}

t.test('a damaged part is fetched again alone', async t => {
  let damaged = 0
  const { file, target, options, server } = await setUp(t, ({ response, range }) => {
    if (range === undefined || range.start > PART_SIZE || range.end <= PART_SIZE) return false
    if (damaged++ > 0) return false
    const bytes = Buffer.from(CONTENT)
    bytes[PART_SIZE + 5] = (bytes[PART_SIZE + 5] as number) ^ 1
    sendRange(response, bytes, range)
    return true
  })
  const summary = await downloadFile(file, target, options)
  t.equal(summary.retried, PART_SIZE)
  t.equal(summary.received, CONTENT.length + PART_SIZE)
  t.ok((await readFile(target)).equals(CONTENT))
  t.ok(server.requests.some(({ range }) => range === `bytes=${PART_SIZE}-${2 * PART_SIZE - 1}`))
})

t.test('a part that is damaged for good names the place, and nothing is at the target', async t => {
  const bytes = Buffer.from(CONTENT)
  bytes[0] = (bytes[0] as number) ^ 1
  const { file, target, options, left } = await setUp(t, ({ response, range }) => {
    sendRange(response, bytes, range)
    return true
  })
  await writeFile(target, 'the old one')
  const failed = downloadFile(file, target, options)
  await t.rejects(failed, DigestMismatch)
  await t.rejects(failed, { message: /bytes 0 to 4194304 are not what their digest says/ })
  t.equal(await readFile(target, 'utf8'), 'the old one')
  t.match(await left(), ['a.tgz', 'a.tgz.part', 'a.tgz.part.journal'])
})

t.test('damaged bytes without hashes of parts: other places are tried, then it fails', async t => {
  const bytes = Buffer.from(CONTENT)
  bytes[7] = (bytes[7] as number) ^ 1
  const bad = await rangeServer(t, { 'a.tgz': bytes })
  const good = await rangeServer(t, { 'a.tgz': CONTENT })
  const target = join(t.testdir(), 'a.tgz')
  const urls = [`${bad.url}/a.tgz`, `${good.url}/a.tgz`]
  const file = remoteFile(CONTENT, urls, false)
  const summary = await downloadFile(file, target, quickly(t))
  t.ok((await readFile(target)).equals(CONTENT))
  t.equal(summary.received, 3 * CONTENT.length, 'all places, the bad one alone, the good one alone')
  const worse = downloadFile({ ...file, urls: urls.slice(0, 1) }, `${target}.2`, quickly(t))
  await t.rejects(worse, { code: 'digest-mismatch', message: /is damaged: what arrived has/ })
  t.strictSame(await readdir(t.testdirName), ['a.tgz'])
})

t.test('a mirror that sends other bytes does no harm', async t => {
  for (const race of [false, true]) {
    const bad = await rangeServer(t, { 'a.tgz': fastNoise(CONTENT.length, 99) })
    const good = await rangeServer(t, { 'a.tgz': CONTENT })
    const target = join(t.testdirName, `${race}.tgz`)
    const urls = [`${bad.url}/a.tgz`, `${good.url}/a.tgz`]
    const options = { ...quickly(t), race }
    await downloadFile(remoteFile(CONTENT, urls), target, options)
    t.ok((await readFile(target)).equals(CONTENT), race ? 'in a race' : 'in order')
    t.ok(bad.requests.length > 0)
  }
})

t.test('what is on disk is compared before it is used again', async t => {
  const { file, target, options } = await setUp(t)
  const stop = new AbortController()
  let verified = 0
  const first = downloadFile(file, target, {
    ...options,
    jobs: 1,
    signal: stop.signal,
    onEvent: event => {
      if (event.event === 'verified' && ++verified === 3) stop.abort(new Error('stopped'))
    },
  })
  await t.rejects(first, { message: 'stopped' })
  const part = await readFile(`${target}.part`)
  part[PART_SIZE + 1] = (part[PART_SIZE + 1] as number) ^ 1
  await writeFile(`${target}.part`, part)
  const summary = await downloadFile(file, target, options)
  t.ok((await readFile(target)).equals(CONTENT))
  t.ok(summary.resumed >= 2 * PART_SIZE && summary.resumed < CONTENT.length)
})

t.test('another file under the same name begins anew', async t => {
  const { file, target, options } = await setUp(t)
  await writeFile(`${target}.part`, fastNoise(8 * PART_SIZE))
  await writeFile(
    `${target}.part.journal`,
    '{"refdepot_download":1,"size":1,"md5":null,"sha256":null,"part_size":null}\n0\n1\n',
  )
  t.match(await downloadFile(file, target, options), { resumed: 0, received: CONTENT.length })
  t.ok((await readFile(target)).equals(CONTENT), 'and what was too long is gone')
})

t.test('answers that are none: pages of errors, wrong ranges, other lengths', async t => {
  const spoilers: Hook[] = [
    ({ response }) => !!response.writeHead(200, { 'content-length': 6 }).end('<html>'),
    ({ response }) => !!response.writeHead(500).end('oh'),
    ({ response }) => !!response.writeHead(429, { 'retry-after': '0' }).end(),
    ({ response }) =>
      !!response.writeHead(206, { 'content-range': 'bytes 1-2/3', 'content-length': 2 }).end('xx'),
    ({ response }) => !!response.writeHead(206, { 'content-length': 2 }).end('xx'),
    ({ response }) => !!response.destroy(),
    ({ response }) => !!response.writeHead(204).end(),
  ]
  for (const [i, spoil] of spoilers.entries()) {
    let number = 0
    const { file, target, options } = await setUp(t, asked => number++ < 9 && spoil(asked))
    await downloadFile(file, `${target}${i}`, options)
    t.ok((await readFile(`${target}${i}`)).equals(CONTENT), `spoiled by ${i}`)
    const failed = setUp(t, spoil).then(({ file, target, options }) =>
      downloadFile(file, `${target}${i}`, { ...options, jobs: 2 }),
    )
    await t.rejects(failed, RemoteFailed)
  }
})

t.test('a stop of the bytes is noticed by their speed', async t => {
  let stalled = 0
  const hook: Hook = ({ response, range }) => {
    if (range === undefined || stalled++ > 2) return false
    response.writeHead(206, {
      'content-length': range.end - range.start,
      'content-range': `bytes ${range.start}-${range.end - 1}/${CONTENT.length}`,
    })
    response.write(CONTENT.subarray(range.start, range.start + 1000))
    const timer = setInterval(() => response.write('x'), 50)
    response.on('close', () => clearInterval(timer))
    return true
  }
  const { file, target } = await setUp(t, hook)
  const options = quickly(t, { stall: { bytesPerSecond: 1_000_000, seconds: 0.4 } })
  await downloadFile(file, target, options)
  t.ok((await readFile(target)).equals(CONTENT))
  const reasons = options.events.map(event => ('reason' in event ? event.reason : ''))
  t.match(reasons.join(), /is too slow: less than 1000000 bytes a second for 0\.4 s/)
})

t.test('what a slow connection has before it is taken over by the others', async t => {
  const size = 512 * 1024
  const content = CONTENT.subarray(0, 8 * size)
  const hook: Hook = ({ response, range }) => {
    if (range?.start !== 0) return false
    const { end } = range
    response.writeHead(206, {
      'content-length': end,
      'content-range': `bytes 0-${end - 1}/${content.length}`,
    })
    // The first half of a run, in about two seconds.
    let at = 0
    const timer = setInterval(() => {
      response.write(content.subarray(at, Math.min(end, at + size / 10)))
      at += size / 10
    }, 200)
    response.on('close', () => clearInterval(timer))
    return true
  }
  const { file, target, server } = await setUp(t, hook, true, content)
  const sha256 = Array.from({ length: 8 }, (_, i) =>
    digestOf('sha256', content.subarray(i * size, (i + 1) * size)),
  )
  const options = quickly(t)
  await downloadFile({ ...file, parts: { size, sha256 } }, target, { ...options, jobs: 2 })
  t.ok((await readFile(target)).equals(content))
  const [slow, fast, taken] = server.requests.map(({ range }) => range)
  t.strictSame([slow, fast], [`bytes=0-${4 * size - 1}`, `bytes=${4 * size}-${8 * size - 1}`])
  t.match(taken, new RegExp(`^bytes=\\d+-${4 * size - 1}$`), 'the end of the run of the slow one')
})

t.test('links that expire are asked for again', async t => {
  const store = await rangeServer(t, { 'a.tgz': CONTENT })
  let uses = 0
  store.hook = ({ response, range }) => {
    // A link is good for two requests, and each brings a part at most.
    uses += 1
    const { start, end } = range ?? { start: 0, end: CONTENT.length }
    if (uses % 3 === 0) response.writeHead(403).end('<Error>expired</Error>')
    else sendRange(response, CONTENT, { start, end: Math.min(end, start + PART_SIZE) })
    return true
  }
  const { file, target, server, options } = await setUp(t, ({ response }) => {
    response.writeHead(307, { location: `${store.url}/a.tgz?signature=secret` }).end()
    return true
  })
  await downloadFile(file, target, { ...options, jobs: 2 })
  t.ok((await readFile(target)).equals(CONTENT))
  t.ok(server.requests.length > 1, 'asked for another link')
  t.ok(server.requests.length < store.requests.length, 'and used each as long as it was good')
  t.equal(store.requests[0]?.authorization, undefined)
})

t.test('what is final is not tried again', async t => {
  for (const [status, code] of [
    [404, 'remote-missing'],
    [403, 'forbidden'],
    [401, 'forbidden'],
    [410, 'remote-missing'],
  ] as const) {
    const { file, target, server, options } = await setUp(t, ({ response }) => {
      response.writeHead(status).end(JSON.stringify({ detail: 'because' }))
      return true
    })
    const failed = downloadFile(file, target, { ...options, jobs: 1 })
    await t.rejects(failed, { code, message: new RegExp(`answers ${status}: because`) })
    t.equal(server.requests.length, 1)
  }
})

t.test('the whole digest counts, also when all parts are right', async t => {
  const { file, target, options, left } = await setUp(t)
  const wrong = { ...file, digests: { sha256: '0'.repeat(64) } }
  await t.rejects(downloadFile(wrong, target, options), { code: 'digest-mismatch' })
  t.strictSame(await left(), [])
})

t.test('a target that cannot be written', async t => {
  const { file, folder, options } = await setUp(t)
  await writeFile(join(folder, 'file'), '')
  const failed = downloadFile(file, join(folder, 'file', 'a.tgz'), options)
  await t.rejects(failed, { code: 'storage-write-failed' })
})
