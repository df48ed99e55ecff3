import t from 'tap'
import { ContentIndex } from '../../src/archive/content-index.ts'
import type { MemberIndex } from '../../src/archive/member-index.ts'
import { aGenome, anAsset, aTag } from '../support/genome-fixtures.ts'

/** An index with one file, kept under several paths. */
function indexWith(sha256: string, paths: readonly string[]): MemberIndex {
  const entries = paths.map(path => ({
    type: 'file',
    path,
    size: 1,
    sha256,
    md5: '',
    gz_sha256: `gz ${sha256}`,
  }))
  return {
    archive: { md5: `md5 ${paths}`, sha256: `sha256 ${paths}`, size: 1 },
    views: { legacy: {} },
    replaces: [{ md5: 'old', sha256: 'older', form: 'stored' }],
    entries,
  } as unknown as MemberIndex
}

t.test('equal bytes of several tags are found in each of them, once a tag', async t => {
  const contents = new ContentIndex()
  const genome = aGenome()
  for (const name of ['a', 'b', 'c']) {
    const tag = aTag()
    contents.add(
      { genome, asset: anAsset(name, [tag]), tag },
      indexWith('same', [`${name}/1`, `${name}/2`]),
    )
  }
  t.same(
    contents.files('same').map(({ asset, path }) => `${asset} ${path}`),
    ['a a/1', 'b b/1', 'c c/1'],
  )
  t.equal(contents.files('gz same').length, 3)
  t.same(contents.files('other'), [])
  t.same(contents.archives('nothing'), [])
  t.equal(contents.replaced('old').length, 3)
  t.equal(contents.replaced('older').length, 3)
})
