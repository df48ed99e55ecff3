import t from 'tap'
import {
  formatManifest,
  MANIFEST_FORMATS,
  MOST_MANIFEST_BYTES,
  parseManifest,
  withAddresses,
} from '../../src/domain/manifest.ts'
import { MOST_ROWS } from '../../src/domain/manifest-row.ts'
import { metalinkOf } from '../../src/domain/metalink.ts'

const MD5 = '51a58ef25e4f1d7e76f226fd5655754f'
const SHA = 'c0ffee'.repeat(10).padEnd(64, '0')
const HEAD = 'registry_path\tmd5\tsha256\tsize\tfile_name\turls'
const ROW = `t7/fasta:default\t${MD5}\t${SHA}\t1234\tt7.tgz\thttps://a.example/x https://b.example/y?z=1`

const table = (...lines: string[]) => `${lines.join('\n')}\n`
const refused = (text: string) => {
  try {
    parseManifest(text)
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it was not refused')
}

t.test('a table is read by its names', async t => {
  const { rows } = parseManifest(table(HEAD, ROW))
  t.same(rows, [
    {
      registryPath: 't7/fasta:default',
      md5: MD5,
      sha256: SHA,
      size: 1234,
      fileName: 't7.tgz',
      urls: ['https://a.example/x', 'https://b.example/y?z=1'],
      extra: {},
    },
  ])
})

t.test(
  'columns in any order, further ones, comments, Windows line ends, names of other tools',
  async t => {
    const text = `\ufeff# made by hand\r\nnote\tbytes\tmd5_sum\tregistry_path\r\n\r\nkeep me\t7\t${MD5.toUpperCase()}\thg38/fasta:v1.0\r\n`
    t.same(parseManifest(text).rows, [
      {
        registryPath: 'hg38/fasta:v1.0',
        md5: MD5,
        size: 7,
        fileName: 'hg38__fasta__v1.0.tgz',
        urls: [],
        extra: { note: 'keep me' },
      },
    ])
    t.same(parseManifest(`sha256\tsize\tfile_name\n${SHA}\t0\tempty.tgz`).rows, [
      { sha256: SHA, size: 0, fileName: 'empty.tgz', urls: [], extra: {} },
    ])
  },
)

t.test('the table of a release is a manifest', async t => {
  const head =
    'registry_path\talias\tasset\ttag\tasset_digest\tmd5\tsha256\tsize\tavailable\twithdrawn'
  const row = `${'e'.repeat(48)}/fasta:v1\thg38\tfasta\tv1\t${MD5}\t${MD5}\t${SHA}\t9\ttrue\t`
  t.match(parseManifest(table(head, row)).rows, [
    { registryPath: `${'e'.repeat(48)}/fasta:v1`, md5: MD5, size: 9, extra: { alias: 'hg38' } },
  ])
})

t.test('the table of the ICGC storage client is read by position', async t => {
  const names =
    'repo_code\tfile_id\tobject_id\tfile_format\tfile_name\tfile_size\tmd5_sum\tindex_object_id\tdonor_id/donor_count\tproject_id/project_count\tstudy'
  const cells = `collaboratory\tFI1\tobj\tBAM\ta.bam\t99\t${MD5}\t\tDO1\tBRCA-US\tPCAWG`
  const { rows } = parseManifest(table(names, cells))
  t.same(rows, [
    {
      md5: MD5,
      size: 99,
      fileName: 'a.bam',
      urls: [],
      extra: {
        repo_code: 'collaboratory',
        file_id: 'FI1',
        object_id: 'obj',
        file_format: 'BAM',
        donor_id: 'DO1',
        project_id: 'BRCA-US',
        study: 'PCAWG',
      },
    },
  ])
  const again = parseManifest(formatManifest({ rows }, 'tsv')).rows
  t.same(again, rows, 'nothing is lost on the way through our own table')
  t.match(refused(table(names, `${cells}\tmore`)).message, /line 2 has 12 columns, the first line/)
  t.match(refused('<?xml version="1.0"?><ResultSet/>').message, /XML or a page/)
})

t.test('JSON is read as an object and as a list', async t => {
  const row = {
    registry_path: 't7/fasta:default',
    md5: MD5,
    sha256: null,
    size: 1234,
    file_name: 't7.tgz',
    url: 'https://a.example/x',
    study: 'x',
    open: true,
  }
  const list = parseManifest(JSON.stringify([row]))
  t.same(list.rows[0]?.urls, ['https://a.example/x'])
  t.same(list.rows[0]?.extra, { study: 'x', open: 'true' })
  t.equal(list.rows[0]?.sha256, undefined)
  const object = ` {"format": "refdepot-manifest", "version": 1, "rows": [${JSON.stringify(row)}]}`
  t.same(parseManifest(object), list)
  t.same(parseManifest(`{"rows": [${JSON.stringify({ ...row, urls: null, url: undefined })}]}`), {
    rows: [{ ...list.rows[0], urls: [] }],
  })
})

t.test('the same rows are the same JSON, whatever they came as', async t => {
  const wide = table(`${HEAD}\tzeta\talpha`, `${ROW}\t1\t2`)
  const json = formatManifest(parseManifest(wide), 'json')
  t.equal(
    json,
    `{"format":"refdepot-manifest","version":1,"rows":[\n{"registry_path":"t7/fasta:default","md5":"${MD5}","sha256":"${SHA}","size":1234,"file_name":"t7.tgz","urls":["https://a.example/x","https://b.example/y?z=1"],"alpha":"2","zeta":"1"}\n]}\n`,
  )
  t.equal(formatManifest(parseManifest(json), 'json'), json)
  t.equal(formatManifest(parseManifest(formatManifest(parseManifest(json), 'tsv')), 'json'), json)
})

t.test('tables keep what single rows have', async t => {
  const text = JSON.stringify([
    { md5: MD5, size: 1, file_name: 'a', first: 'x' },
    { sha256: SHA, size: 2, file_name: 'b', second: 'y', registry_path: 't7/fasta' },
  ])
  t.equal(
    formatManifest(parseManifest(text), 'tsv'),
    table(`${HEAD}\tfirst\tsecond`, `\t${MD5}\t\t1\ta\t\tx\t`, `t7/fasta\t\t${SHA}\t2\tb\t\t\ty`),
  )
})

t.test('checksums, aria2 and metalink', async t => {
  const manifest = parseManifest(table(HEAD, ROW, `\t${MD5}\t\t5\tb & <c>.tgz\thttp://c.example/`))
  const [first] = manifest.rows
  t.equal(formatManifest({ rows: [first as never] }, 'sha256'), `${SHA}  t7.tgz\n`)
  t.equal(
    formatManifest(manifest, 'aria2'),
    `https://a.example/x\thttps://b.example/y?z=1\n  out=t7.tgz\n  checksum=sha-256=${SHA}\nhttp://c.example/\n  out=b & <c>.tgz\n  checksum=md5=${MD5}\n`,
  )
  t.equal(
    formatManifest(manifest, 'meta4'),
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>refdepot</generator>
  <file name="t7.tgz">
    <identity>t7/fasta:default</identity>
    <size>1234</size>
    <hash type="sha-256">${SHA}</hash>
    <hash type="md5">${MD5}</hash>
    <url priority="1">https://a.example/x</url>
    <url priority="2">https://b.example/y?z=1</url>
  </file>
  <file name="b &amp; &lt;c&gt;.tgz">
    <size>5</size>
    <hash type="md5">${MD5}</hash>
    <url priority="1">http://c.example/</url>
  </file>
</metalink>
`,
  )
  const only = { rows: [{ sha256: SHA, size: 1, fileName: 'x', urls: [], extra: {} }] }
  for (const format of ['meta4', 'aria2'] as const) {
    t.throws(() => formatManifest(only, format), {
      code: 'manifest-invalid',
      message: /no address/,
    })
  }
  t.throws(() => formatManifest(manifest, 'sha256'), { message: /'b & <c>.tgz' has no sha256/ })
  t.same(MANIFEST_FORMATS, ['tsv', 'json', 'meta4', 'sha256', 'aria2'])
})

t.test('addresses and pieces from elsewhere', async t => {
  const text = `registry_path\tmd5\tsha256\tsize\tfile_name\turls
t7/a:x\t${MD5}\t${SHA}\t1\ta\t
t7/b:x\t\t${SHA}\t1\tb\t
\t${MD5}\t\t1\tc\t
t7/d:x\t${MD5}\t\t1\td\thttps://d.example/
`
  const manifest = withAddresses(parseManifest(text), digest => `https://x.example/${digest}`)
  t.same(
    manifest.rows.map(row => row.urls),
    [[`https://x.example/${MD5}`], [`https://x.example/${SHA}`], [], ['https://d.example/']],
    'for assets without one',
  )
  const [a, b] = manifest.rows as [never, never]
  const pieces = new Map([['b', { length: 7, sha256: [SHA] }]])
  const xml = formatManifest({ rows: [a, b] }, 'meta4', pieces)
  t.equal(xml.split('<pieces').length, 2)
  t.ok(xml.indexOf('<pieces type="sha-256" length="7">') > xml.indexOf('<file name="b">'))
})

t.test('a metalink names the pieces of a file', async t => {
  const text = metalinkOf([
    { name: 'a"b', pieces: { length: 4, sha256: [SHA, SHA] }, urls: ['http://x/?a&b'] },
  ])
  t.match(text, '<file name="a&quot;b">\n    <pieces type="sha-256" length="4">\n')
  t.equal(text.split(`      <hash>${SHA}</hash>\n`).length, 3)
  t.match(text, '<url priority="1">http://x/?a&amp;b</url>')
})

t.test('what cannot be used is refused with its line', async t => {
  const bad = (cells: string, head = HEAD) => table(head, cells)
  const ok = [`t7/fasta:default`, MD5, SHA, '1', 'a.tgz', ''] as const
  const but = (change: Record<number, string>) =>
    bad(ok.map((cell, i) => change[i] ?? cell).join('\t'))
  for (const [text, message] of [
    ['', /it is empty/],
    ['\n# nothing\n', /it is empty/],
    [table(HEAD), /it has no rows/],
    ['[]', /it has no rows/],
    ['{"rows": []}', /it has no rows/],
    ['{"rows": 1}', /its JSON is not an object with "format"/],
    ['{"format": "other", "rows": []}', /its JSON is not/],
    ['{"version": 2, "rows": []}', /its JSON is not/],
    ['{', /it is no JSON: /],
    ['[1]', /row 1 is no object/],
    ['[[]]', /row 1 is no object/],
    ['[null]', /row 1 is no object/],
    [`[{"md5": "${MD5}", "size": {}}]`, /row 1: 'size' is no text and no number/],
    [`[{"urls": [1]}]`, /row 1: urls is no list of texts/],
    [`[{"size": 1, "bytes": 1}]`, /row 1 has 'size' twice/],
    [`[{"": 1}]`, /row 1: '' is no name of a member/],
    [`[{"a\\nb": 1}]`, /row 1: 'a\?b' is no name/],
    [`[{"${'x'.repeat(101)}": 1}]`, /row 1: 'x+…' is no name/],
    [
      JSON.stringify([Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i, i]))]),
      /more than 100 members/,
    ],
    [table('a\tb'), /line 1 does not name the columns size, md5 or sha256/],
    [table('md5\tfile_name'), /line 1 does not name the columns/],
    [table('size\tfile_name'), /line 1 does not name the columns/],
    [table(`${HEAD}\tmd5_sum`), /line 1 names the column 'md5' twice/],
    [table(`${HEAD}\t`), /line 1: '' is no name of a column/],
    [table(`${HEAD}\t${'x'.repeat(101)}`), /is no name of a column/],
    [table(`${HEAD}\ta\u0007b`), /'a\?b' is no name of a column/],
    [table(`${HEAD}${'\tx'.repeat(100)}`), /line 1 has more than 100 columns/],
    [table(HEAD, ROW, 'x'.repeat(70_000)), /line 3 has more than 65536 characters/],
    [table(HEAD, ROW, 'a\tb'), /line 3 has 2 columns, the first line has 6/],
    [table(HEAD, ROW, ROW), /line 3 has the same file name as line 2: 't7\.tgz'/],
    [table(HEAD, ROW, ROW.replace('t7.tgz', 'other.tgz')), /line 3 has the same registry path as/],
    [
      table(HEAD, `\t${MD5}\t\t1\tcaf\u00e9\t`, `\t${MD5}\t\t1\tcafe\u0301\t`),
      /line 3 has the same file name as line 2/,
    ],
    [but({ 0: 'fasta:default' }), /line 2: registry_path 'fasta:default' is not of the form/],
    [but({ 0: 't7/fasta.fai:default' }), /registry_path/],
    [but({ 0: '../x/y' }), /registry_path/],
    [but({ 0: `t7/${'x'.repeat(500)}` }), /registry_path 't7\/x+…' is not/],
    [but({ 1: 'abc' }), /line 2: md5 'abc' is not 32 hexadecimal digits/],
    [but({ 2: MD5 }), /line 2: sha256 .* is not 64 hexadecimal digits/],
    [but({ 1: '', 2: '' }), /line 2: it has no digest; give md5 or sha256/],
    [but({ 3: '1.5 GB' }), /line 2: size '1\.5 GB' is not a number of bytes/],
    [but({ 3: '' }), /size '' is not/],
    [but({ 3: '-1' }), /size '-1' is not/],
    [but({ 3: '9'.repeat(16) }), /size/],
    [but({ 0: '', 4: '' }), /line 2: it has no file_name/],
    [but({ 4: '../../etc/passwd' }), /line 2: file_name '\.\.\/\.\.\/etc\/passwd' is not allowed/],
    [but({ 4: 'a\\b' }), /file_name/],
    [but({ 4: '..' }), /file_name '\.\.' is not allowed/],
    [but({ 4: '.' }), /file_name '\.' is not allowed/],
    [but({ 4: 'a\u001b[31m' }), /file_name 'a\?\[31m' is not allowed/],
    [but({ 4: 'a\u2028b' }), /file_name/],
    [but({ 4: 'é'.repeat(128) }), /file_name/],
    [but({ 5: 'ftp://x/y' }), /line 2: 'ftp:\/\/x\/y' is not an http or https URL/],
    [but({ 5: 'https://me:secret@x/y' }), /is not an http or https URL without user/],
    [but({ 5: 'https://x:99999/' }), /is not an http or https URL/],
    [but({ 5: 'https://x/\u0001' }), /is not an http or https URL/],
    [but({ 5: `https://x/${'y'.repeat(2048)}` }), /is not an http or https URL/],
    [but({ 5: 'https://x/ '.repeat(21) }), /line 2: it has more than 20 urls/],
    [bad(`${ok.join('\t')}\t${'n'.repeat(1001)}`, `${HEAD}\tnote`), /line 2: 'note' has control/],
    [bad(`${ok.join('\t')}\ta\u0000b`, `${HEAD}\tnote`), /line 2: 'note' has control characters/],
  ] as const) {
    const error = refused(text)
    t.match(error.message, message)
    t.match(error, { code: 'manifest-invalid', name: 'ManifestInvalid' })
    t.notMatch(error.message, /secret/)
  }
})

t.test('large ones', async t => {
  const most = Array.from({ length: MOST_ROWS }, (_, i) => `${i}\t${MD5}\t1`)
  const head = 'file_name\tmd5\tsize'
  t.equal(parseManifest(table(head, ...most)).rows.length, MOST_ROWS)
  t.match(
    refused(table(head, ...most, `x\t${MD5}\t1`, `y\t${MD5}\t1`)).message,
    /100000 are allowed/,
  )
  t.match(refused(' '.repeat(MOST_MANIFEST_BYTES + 1)).message, /more than 10485760 bytes/)
})
