/** The way to a server: ends of certificates, proxies, places in files. */
import t from 'tap'
import { expiry } from '../../../src/client/doctor/certificate-checks.ts'
import { blocksIn, blockWith, offsetOf, placeIn } from '../../../src/client/doctor/fasta-place.ts'
import { proxyFor } from '../../../src/client/doctor/proxy-in-the-way.ts'

t.test('a certificate that ends soon is a warning, one that has ended a fault', t => {
  const now = Date.parse('2026-11-21T00:00:00Z')
  t.match(expiry('Dec 21 00:00:00 2026 GMT', now), { level: 'ok', evidence: /30 days/ })
  t.match(expiry('Nov 30 00:00:00 2026 GMT', now), { level: 'warn', evidence: /9 days/ })
  t.match(expiry('Nov 20 00:00:00 2026 GMT', now), { level: 'fail', evidence: /2026-11-20/ })
  t.end()
})

t.test('which proxy stands in the way', t => {
  const env = {
    HTTPS_PROXY: 'http://p:3128',
    http_proxy: 'http://q:1',
    NO_PROXY: 'a.org, .b.org c.org:8443',
  }
  const through = (url: string, more = {}) => proxyFor(new URL(url), { ...env, ...more })?.url.host
  t.equal(through('https://x.org/'), 'p:3128')
  t.equal(through('http://x.org/'), 'q:1')
  t.equal(through('https://a.org/'), undefined)
  t.equal(through('https://sub.a.org/'), undefined)
  t.equal(through('https://sub.b.org/'), undefined)
  t.equal(through('https://c.org/'), 'p:3128')
  t.equal(through('https://c.org:8443/'), undefined)
  t.equal(through('https://x.org/', { no_proxy: '*' }), undefined)
  t.equal(through('https://x.org/', { HTTPS_PROXY: 'nonsense' }), undefined)
  t.end()
})

t.test('places of a FASTA by its indexes', t => {
  const place = placeIn(Buffer.from('a\t10\t3\t5\t6\nb\t1000\t20\t60\t61\n'))
  t.match(place, { sequence: { name: 'b' }, start: 500, end: 561 })
  t.equal(place && offsetOf(place.sequence, 125), 20 + 2 * 61 + 5)
  t.equal(placeIn(Buffer.from('<html>\n')), undefined)
  t.equal(placeIn(Buffer.from('a\tx\t3\t5\t6\n')), undefined)
  t.equal(blocksIn(Buffer.from('short')), undefined)
  t.equal(blocksIn(Buffer.alloc(16)), undefined)
  const gzi = Buffer.alloc(24)
  gzi.writeBigUInt64LE(1n, 0)
  gzi.writeBigUInt64LE(500n, 8)
  gzi.writeBigUInt64LE(65_280n, 16)
  const blocks = blocksIn(gzi) ?? []
  t.same(blocks, [
    { packed: 0, plain: 0 },
    { packed: 500, plain: 65_280 },
  ])
  t.equal(blockWith(blocks, 65_279), 0)
  t.equal(blockWith(blocks, 65_280), 1)
  t.end()
})
