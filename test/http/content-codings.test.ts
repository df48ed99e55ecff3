import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { preferredCoding } from '../../src/http/content-codings.ts'
import { manyGenomes } from '../support/many-genomes.ts'
import { startApp } from '../support/start-app.ts'

t.test('Accept-Encoding with its weights', async t => {
  for (const [header, coding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br; q=0.8 , gzip;q=0.5', 'br'],
    ['*', 'br'],
    ['*;q=0.1, br;q=0', 'gzip'],
    ['identity;q=1, *;q=0.5', undefined],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip;q=0.000, br;q=0', undefined],
    ['gzip;q=2', undefined],
    ['gzip;q=x', undefined],
    ['deflate, zstd', undefined],
    ['identity', undefined],
    ['', undefined],
  ] as const) {
    t.equal(preferredCoding(header), coding, header)
  }
})

t.test(
  'large lists are sent compressed to those who take it, each form with an ETag of its own',
  async t => {
    const { app } = await startApp(t, await manyGenomes(t, 60))
    const tags = new Set<string>()
    for (const url of ['/v3/assets/list', '/v2/assets', '/_private_api/genomes/dict', '/genomes']) {
      const plain = await app.inject({ url })
      t.equal(
        plain.headers['content-encoding'],
        undefined,
        'a client that says nothing gets it plain',
      )
      t.match(String(plain.headers.vary), /\bAccept-Encoding\b/)
      for (const [accepted, coding, inflate] of [
        ['gzip, deflate, br', 'br', brotliDecompressSync],
        ['gzip', 'gzip', gunzipSync],
      ] as const) {
        const headers = { 'accept-encoding': accepted }
        const coded = await app.inject({ url, headers })
        t.equal(coded.headers['content-encoding'], coding, `${url} ${coding}`)
        t.equal(inflate(coded.rawPayload).toString(), plain.body)
        t.equal(coded.headers['content-length'], String(coded.rawPayload.length))
        t.equal(coded.headers.vary, plain.headers.vary)
        t.equal(coded.headers['content-type'], plain.headers['content-type'])
        t.match(coded.headers.etag, /^"[^"]+"$/, 'strong')
        t.not(coded.headers.etag, plain.headers.etag)
        const again = await app.inject({ url, headers })
        t.same(again.rawPayload, coded.rawPayload)
        tags.add(String(coded.headers.etag))
        const head = await app.inject({ url, headers, method: 'HEAD' })
        t.equal(head.headers.etag, coded.headers.etag)
        t.equal(head.headers['content-length'], coded.headers['content-length'])
        const etag = String(coded.headers.etag)
        const same = await app.inject({ url, headers: { ...headers, 'if-none-match': etag } })
        t.equal(same.statusCode, 304)
        t.equal(same.headers.etag, etag)
        const other = await app.inject({ url, headers: { 'if-none-match': etag } })
        t.equal(other.statusCode, 200, 'the tag of a form is not that of the other')
        const part = await app.inject({ url, headers: { ...headers, range: 'bytes=0-9' } })
        t.same(
          [part.statusCode, part.headers['accept-ranges'], part.headers['content-range']],
          [200, 'none', undefined],
          'no parts of a compressed form',
        )
        t.same(part.rawPayload, coded.rawPayload)
      }
      const part = await app.inject({ url, headers: { range: 'bytes=0-9' } })
      t.same([part.statusCode, part.body], [206, plain.body.slice(0, 10)])
    }
    t.equal(tags.size, 8)
  },
)

t.test('small answers, archives and files are never compressed', async t => {
  const source = await manyGenomes(t, 3)
  const { app } = await startApp(t, source)
  for (const url of [
    `/v3/assets/attrs/${source.digest}/fasta`,
    `/v3/assets/archive/${source.digest}/fasta`,
    '/name0/assets/fasta/archive',
    '/v3/genomes/list',
    '/healthz',
    '/',
  ]) {
    const plain = await app.inject({ url })
    const asked = await app.inject({ url, headers: { 'accept-encoding': 'br, gzip' } })
    t.equal(plain.statusCode, 200, url)
    t.equal(asked.headers['content-encoding'], undefined)
    t.notMatch(String(asked.headers.vary ?? ''), /encoding/i)
    t.same(asked.rawPayload, plain.rawPayload)
  }
})
