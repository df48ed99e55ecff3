import t from 'tap'
import { isGenomeDigest, isMd5, isSha256 } from '../../src/domain/digest.ts'
import * as errors from '../../src/domain/errors.ts'
import { formatSize, parseSize } from '../../src/domain/human-size.ts'
import { formatRegistryPath, parseRegistryPath } from '../../src/domain/registry-path.ts'
import { familyOf, isReserved } from '../../src/domain/reserved-words.ts'
import { byCodePoint } from '../../src/domain/text-order.ts'

t.test('sizes are written as refgenieserver writes them', async t => {
  for (const [bytes, text] of [
    [0, '0.00 B'],
    [1023, '1023.00 B'],
    [1024, '1.00 KB'],
    [13142, '12.83 KB'],
    [235192, '229.68 KB'],
    [8_472_494, '8.08 MB'],
    [1024 ** 9, '1024.00 YB'],
  ] as const) {
    t.equal(formatSize(bytes), text)
  }
})

t.test('sizes are read back, and other texts are no sizes', async t => {
  t.equal(parseSize('12.83 KB'), 13138)
  t.equal(parseSize(' 5 b '), 5)
  t.equal(parseSize('2.00 GB'), 2 * 1024 ** 3)
  for (const text of ['', 'KB', '1.5 XB', '1,5 KB', '-1 KB']) t.equal(parseSize(text), undefined)
})

t.test('registry paths are read and written', async t => {
  for (const [text, path] of [
    ['fasta', { asset: 'fasta' }],
    ['t7/fasta', { genome: 't7', asset: 'fasta' }],
    ['t7/fasta:v2', { genome: 't7', asset: 'fasta', tag: 'v2' }],
    ['t7/fasta.fai:1.10', { genome: 't7', asset: 'fasta', seekKey: 'fai', tag: '1.10' }],
    ['fasta.fai', { asset: 'fasta', seekKey: 'fai' }],
    ['a/b:x+y(1)', { genome: 'a', asset: 'b', tag: 'x+y(1)' }],
  ] as const) {
    t.same(parseRegistryPath(text), path)
    t.equal(formatRegistryPath(path), text)
  }
  for (const text of ['', 'a.b/c', 'a/b/c', 'a/', '/b', 'a/b:', 'a b/c', 'a/b:../x']) {
    t.equal(parseRegistryPath(text), undefined, text)
  }
})

t.test('digests are told by their shape', async t => {
  t.ok(isGenomeDigest('0'.repeat(48)))
  t.notOk(isGenomeDigest('A'.repeat(48)))
  t.ok(isMd5('f'.repeat(32)))
  t.notOk(isMd5('f'.repeat(33)))
  t.ok(isSha256('1'.repeat(64)))
  t.notOk(isSha256('g'.repeat(64)))
})

t.test('texts are ordered by code point, as Python orders them', async t => {
  const texts = ['b', '\u{1f600}', 'a:b', 'a.b', '\uffff', 'a', 'B', 'ab', 'b']
  t.same(texts.sort(byCodePoint), ['B', 'a', 'a.b', 'a:b', 'ab', 'b', 'b', '\uffff', '\u{1f600}'])
})

t.test('reserved words and families of paths come from one table', async t => {
  for (const word of ['v3', 'genomes', 'docs', 'v4', 'dav', 'list', 'splash'])
    t.ok(isReserved(word))
  for (const word of ['t7', 'hg38', 'fasta']) t.notOk(isReserved(word))
  for (const path of [
    '/',
    '/v1/x',
    '/v3',
    '//v2//y',
    '/genomes/list',
    '/assets/attrs/a/b',
    '/_private_api/z',
  ]) {
    t.equal(familyOf(path), 'refgenie', path)
  }
  for (const path of ['/t7/assets', '/genomes', '/genomes/t7', '/assets', '/healthz', '/nowhere']) {
    t.equal(familyOf(path), 'native', path)
  }
})

t.test('errors carry a code and the fields a caller needs', async t => {
  const all = [
    [
      new errors.NotInCatalogue('unknown-tag', 'v9', 'no tag v9'),
      { code: 'unknown-tag', asked: 'v9' },
    ],
    [new errors.InvalidParameter('tag', 'bad'), { code: 'invalid-parameter', parameter: 'tag' }],
    [new errors.ArchiveMissing('g/a:t'), { code: 'archive-missing', registryPath: 'g/a:t' }],
    [new errors.ArchiveDamaged('g/a:t'), { code: 'archive-damaged', registryPath: 'g/a:t' }],
    [new errors.DigestPending('g/a:t', 7), { code: 'digest-pending', retryAfter: 7 }],
    [new errors.StorageFailed('/x', new Error('EIO')), { code: 'storage-failed', path: '/x' }],
    [new errors.StorageFailed('/x', 'EIO'), { message: 'cannot read /x: EIO' }],
    [new errors.OutsideRoot('../x'), { code: 'outside-root', path: '../x' }],
    [new errors.ShortRead('/x', 5, 9), { code: 'short-read', path: '/x' }],
  ] as const
  for (const [error, fields] of all) {
    t.match(error, fields)
    t.equal(error.name, error.constructor.name)
    t.ok(error instanceof errors.RefdepotError)
  }
})
