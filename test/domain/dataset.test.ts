import { createHash } from 'node:crypto'
import t from 'tap'
import {
  dataFolderOf,
  genomeAliasOf,
  genomeDigestOf,
  NAME_RULE,
  storeFolderOf,
  TYPE_RULE,
  titleOf,
  whyNoPath,
} from '../../src/domain/dataset.ts'
import { DatasetDamaged, DatasetMissing, DatasetRefused } from '../../src/domain/dataset-errors.ts'

const KIT = { nature: 'capturekit', type: 'common', kind: 'agilent', version: 'v1.0' }

t.test('a dataset has one place on disk, one in a store and one in a catalogue', async t => {
  t.equal(dataFolderOf(KIT), 'capturekit/common/agilent')
  t.equal(storeFolderOf(KIT), 'capturekit/common/agilent/v1.0')
  t.equal(titleOf(KIT), 'capturekit/common/agilent v1.0')
  t.equal(genomeAliasOf(KIT), 'capturekit.common')
  const sha256 = createHash('sha256').update('refdepot-dataset:capturekit.common').digest('hex')
  t.equal(genomeDigestOf(KIT), sha256.slice(0, 48))
  t.equal(genomeDigestOf(KIT), '3ae8aafdb3d0bf612b3d3b2cb7d386386a768ef4c74fa013', 'for ever')
})

t.test('names and paths cannot leave their folder', async t => {
  for (const name of ['', '.', '..', '.x', 'a/b', 'a b', 'a:b', '-a', 'ä', 'x'.repeat(101)]) {
    t.notMatch(name, NAME_RULE.pattern)
    t.notMatch(name, TYPE_RULE.pattern)
  }
  t.match('v1.0+x', NAME_RULE.pattern)
  t.notMatch('a.b', TYPE_RULE.pattern)
  const sound = ['a', 'a/b', '.hidden', 'Größe 🧬', 'deep/DATA_READY', `${'n'.repeat(255)}`]
  for (const path of sound) t.equal(whyNoPath(path), undefined, path)
  const cases: [string, RegExp][] = [
    ['', /no path below/],
    ['/etc/passwd', /no path below/],
    ['a//b', /no path below/],
    ['a/', /no path below/],
    ['./a', /no path below/],
    ['a/../../b', /no path below/],
    ['..', /no path below/],
    ['a\\b', /backslash/],
    ['a\0b', /control character/],
    ['a\nb', /control character/],
    ['a\u2028b', /control character/],
    ['a\ud800', /broken letter/],
    ['a\ufffd', /broken letter/],
    ['DATA_READY', /DATA_READY is no file of a dataset/],
    ['n'.repeat(256), /too long/],
    [`${'n/'.repeat(400)}n`, /too long/],
  ]
  for (const [path, reason] of cases)
    t.match(whyNoPath(path), reason, JSON.stringify(Buffer.from(path).toString('hex')))
})

t.test('errors have a code and a subject', async t => {
  t.match(new DatasetRefused('x', 'y'), {
    code: 'dataset-refused',
    subject: 'x',
    message: 'x: y',
  })
  t.match(new DatasetMissing('x', 'y'), { code: 'dataset-missing', subject: 'x' })
  t.match(new DatasetDamaged('x', 'y'), { code: 'dataset-damaged', subject: 'x' })
})
