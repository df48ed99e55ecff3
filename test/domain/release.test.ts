import t from 'tap'
import { type PathPattern, parsePathPattern } from '../../src/domain/path-pattern.ts'
import {
  diffReleases,
  isSameRelease,
  RELEASE_NAME,
  type Release,
  type ReleaseEntry,
  ReleaseSet,
  releaseEntry,
} from '../../src/domain/release.ts'
import { NO_RIGHTS, Rights } from '../../src/domain/rights.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'

const archive = (letter: string) => ({ md5: letter.repeat(32), sha256: letter.repeat(64), size: 9 })

function entryOf(asset: string, more: Partial<ReleaseEntry> = {}, digest = T7): ReleaseEntry {
  return {
    registry_path: `${digest}/${asset}:default`,
    genome: { digest, aliases: ['t7'] },
    asset,
    tag: 'default',
    asset_digest: 'a'.repeat(32),
    archive: archive('b'),
    ...more,
  }
}

function aRelease(
  name: string,
  entries: readonly ReleaseEntry[],
  more: Partial<Release> = {},
): Release {
  const created = '2026-01-01T00:00:00.000Z'
  return {
    format: 'refdepot-release',
    version: 1,
    name,
    description: null,
    created,
    generation: 1,
    entries,
    ...more,
  }
}

t.test('an entry names genome, tag and digests, and that it is controlled', async t => {
  const asset = anAsset()
  const genome = aGenome(T7, [asset])
  const found = { genome, asset, tag: aTag() }
  const extra = { ...archive('b'), chunks: [] }
  t.same(releaseEntry(found, extra, undefined), entryOf('fasta'))
  t.same(releaseEntry(found, extra, ['S']), entryOf('fasta', { controlled: true, studies: ['S'] }))
})

t.test('two releases differ in what was added, removed and changed', async t => {
  const before = [entryOf('a'), entryOf('b'), entryOf('c')]
  const changed = entryOf('c', { archive: archive('d') })
  const after = [entryOf('b'), changed, entryOf('e')]
  t.same(diffReleases(before, after), {
    added: [entryOf('e')],
    removed: [entryOf('a')],
    changed: [{ from: entryOf('c'), to: changed }],
  })
  t.ok(
    isSameRelease(
      aRelease('x', before),
      aRelease('x', before, { created: 'later', generation: 7 }),
    ),
  )
  t.notOk(isSameRelease(aRelease('x', before), aRelease('x', before, { description: 'y' })))
  t.notOk(isSameRelease(aRelease('x', before), aRelease('x', after)))
})

t.test('names fit into URLs and file names', async t => {
  for (const name of ['2026.1', 'a', 'A_b-c', 'x'.repeat(64)]) t.match(name, RELEASE_NAME)
  for (const name of ['', '.x', '-x', 'a/b', 'a b', 'ä', 'a\n', 'x'.repeat(65)])
    t.notMatch(name, RELEASE_NAME, JSON.stringify(name))
})

t.test('the newest release comes first', async t => {
  const set = new ReleaseSet(
    [
      aRelease('b', []),
      aRelease('new', [], { created: '2026-02-01T00:00:00.000Z' }),
      aRelease('a', []),
    ],
    { genomes: [], marks: [] },
  )
  t.same(
    set.releases.map(({ name }) => name),
    ['new', 'a', 'b'],
  )
})

t.test('what is only in releases stays controlled as it was, and as the policy says', async t => {
  const closed = (studies: string[]) => ({ controlled: true, studies })
  const releases = [
    aRelease('one', [
      entryOf('fasta', closed(['NOW-OPEN'])),
      entryOf('gone'),
      entryOf('secret', closed(['A'])),
      entryOf('secret', { registry_path: `${T7}/secret:v2`, tag: 'v2' }),
      entryOf('hush', { genome: { digest: LAMBDA, aliases: ['lambda'] } }, LAMBDA),
    ]),
    aRelease('two', [entryOf('secret', closed(['B'])), entryOf('bare', { controlled: true })]),
  ]
  const genomes = [aGenome(T7, [anAsset()])]
  const open = { marksOf: () => [{ access: 'open', studies: [] }] }
  const set = new ReleaseSet(releases, { genomes, marks: [open] })
  const hidden = (rights: Rights, of = set) => [...of.hiddenFrom(rights)].sort()
  t.same(
    hidden(NO_RIGHTS),
    [`${T7}/bare:default`, `${T7}/secret:default`],
    'the config decides of what it has',
  )
  t.same(hidden(new Rights(['B.READ'])), [`${T7}/bare:default`])
  t.same(hidden(new Rights(['read:t7/bare', 'A.READ'])), [])
  const path = parsePathPattern('lambda/*') as PathPattern
  const policy = {
    marksOf: () => [],
    controlledByDefault: false,
    rules: [{ study: 'L', paths: [path], controlled: true }],
  }
  const ruled = new ReleaseSet(releases, { genomes, marks: [], policy })
  t.ok(hidden(NO_RIGHTS, ruled).includes(`${LAMBDA}/hush:default`), 'by the alias it had')
  t.notOk(hidden(new Rights(['L.READ']), ruled).includes(`${LAMBDA}/hush:default`))
  const closedByDefault = { ...policy, rules: [], controlledByDefault: true }
  const all = new ReleaseSet(releases, { genomes, marks: [], policy: closedByDefault })
  t.ok(hidden(NO_RIGHTS, all).includes(`${T7}/gone:default`))
})
