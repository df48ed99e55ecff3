import { readFile } from 'node:fs/promises'
import { FAILSAFE_SCHEMA, load, mergeTag, nullCoreTag } from 'js-yaml'
import t from 'tap'
import { readPlainYaml } from '../../src/config/read-plain-yaml.ts'

const SCHEMA = FAILSAFE_SCHEMA.withTags(nullCoreTag, mergeTag)
const GENERATED = 3000
const SEED = 20261121

/** What the library makes of a text; its refusal is an answer too. */
function byLibrary(text: string): unknown {
  try {
    return load(text, { schema: SCHEMA })
  } catch {
    return 'refused'
  }
}

/** Small and seeded, so that a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const KEYS = [
  'genomes',
  'aliases',
  'tags',
  'default',
  'v1.0',
  '1.10',
  "'7'",
  '"q"',
  'seek_keys',
  'a+b',
  'dir',
]
const SCALARS = [
  'fasta',
  '.',
  '1.10',
  '12.84 KB',
  'null',
  '~',
  "'single: quoted'",
  '"double"',
  '[]',
  '{}',
  "''",
  'a:b',
  'http://x.org',
  '5',
  'true',
  'folded',
  'x#y',
]
// Things only the library knows: the reader must give up, never guess.
const RICH = [
  '&a x',
  '*a',
  '!!str x',
  '|',
  '>',
  '[a, b]',
  '{a: b}',
  'a: b',
  'x # comment',
  "'it''s'",
  '"\\n"',
  '- x',
  '? x',
  '@x',
  '%x',
  "'open",
  'end:',
]

function generated(random: (below: number) => number, rich: boolean): string {
  const pick = <T>(list: readonly T[]) => list[random(list.length)] as T
  const lines: string[] = []
  const scalar = (indent: string) => {
    const value = rich && random(12) === 0 ? pick(RICH) : pick(SCALARS)
    return value === 'folded' ? `some words\n${indent}    that go on\n${indent}    and on` : value
  }
  const map = (indent: string, depth: number) => {
    const used = new Set<string>()
    for (let i = 0; i <= random(4); i += 1) {
      const key = pick(KEYS)
      if (used.has(key) && !rich) continue
      used.add(key)
      const kind = random(depth > 4 ? 2 : 4)
      if (kind === 0) lines.push(`${indent}${key}: ${scalar(indent)}`)
      else if (kind === 1) lines.push(`${indent}${key}:${random(3) === 0 ? ' ' : ''}`)
      else if (kind === 2) {
        lines.push(`${indent}${key}:`)
        const at = random(2) === 0 ? indent : `${indent}  `
        for (let n = 0; n <= random(3); n += 1) lines.push(`${at}- ${scalar(at)}`)
      } else {
        lines.push(`${indent}${key}:`)
        map(`${indent}${' '.repeat(1 + random(3))}`, depth + 1)
      }
    }
  }
  map('', 0)
  if (rich && random(6) === 0)
    lines.splice(
      random(lines.length),
      0,
      pick(['', '# comment', '---', '\t', '- x', '  odd', '<<: {a: b}']),
    )
  return `${lines.join('\n')}${random(4) === 0 ? '' : '\n'}`
}

t.test(`what it reads, it reads as the library does (seed ${SEED})`, async t => {
  const random = randomNumbers(SEED)
  const counts = { read: 0, left: 0, different: 0 }
  for (let i = 0; i < GENERATED; i += 1) {
    const text = generated(random, i % 2 === 1)
    const plain = readPlainYaml(text)
    if (plain === undefined) counts.left += 1
    else {
      counts.read += 1
      const expected = byLibrary(text)
      if (JSON.stringify(plain) !== JSON.stringify(expected)) {
        counts.different += 1
        t.comment(text)
        t.same(plain, expected)
      }
    }
  }
  t.comment(JSON.stringify(counts))
  t.equal(counts.different, 0)
  t.ok(counts.read > GENERATED / 3, 'most plain texts are read')
  t.ok(counts.left > GENERATED / 10, 'rich ones are left to the library')
})

t.test('the config of the real tools is read without the library', async t => {
  const text = await readFile('example/genome_config.yaml', 'utf8')
  t.same(readPlainYaml(text), byLibrary(text))
  t.not(readPlainYaml(text), undefined)
})

t.test('what it does not know it leaves to the library', async t => {
  for (const value of RICH) t.equal(readPlainYaml(`a: ${value}\n`), undefined, value)
  for (const text of [
    '\ta: b',
    'a: b\r\n',
    '---\na: b',
    'a: 1\na: 2\n',
    '__proto__: 1\n',
    'a: 1\n\nb: 2\n',
    '- a\n',
    'a:\n  - b: c\n',
    'a:\n- [x]\n',
    'a: "x"\n  y\n',
    'text',
    'a:\n    text\n',
    'a:\n- ~\n',
    'a:\n  -\n',
    'a: []\n  b\n',
  ]) {
    t.equal(readPlainYaml(text), undefined, JSON.stringify(text))
  }
})

t.test('a bug is not taken for a rich text', async t => {
  t.throws(() => readPlainYaml({ slice: 1 } as unknown as string))
})
