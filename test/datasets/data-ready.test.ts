import { createHash } from 'node:crypto'
import t from 'tap'
import { parse } from 'yaml'
import {
  type DataReady,
  differences,
  parseReady,
  type ReadyFile,
  readyText,
} from '../../src/datasets/data-ready.ts'
import { inParallel } from '../../src/domain/in-parallel.ts'

const file = (path: string, more: Partial<ReadyFile> = {}): ReadyFile => ({
  path,
  size: 1,
  sha256: createHash('sha256').update(path).digest('hex'),
  md5: createHash('md5').update(path).digest('hex'),
  ...more,
})

const READY: DataReady = {
  timestamp: '2026-11-21T11:20:00Z',
  version: '1.10',
  files: [
    file('it\'s: "odd" # 名前'),
    file('run.sh', { executable: true }),
    file('null', { size: 0 }),
  ],
}

t.test('a marker begins with timestamp and version, and is read as it was written', async t => {
  const text = readyText(READY)
  t.match(text, /^timestamp: 2026-11-21T11:20:00Z\nversion: '1\.10'\nfiles:\n- /)
  t.strictSame(parseReady(text, 'x'), READY)
  const other = parse(text)
  t.match(other, { version: '1.10', files: [{ path: 'it\'s: "odd" # 名前' }, {}, { size: 0 }] })
  const old = parseReady("timestamp: 2020-01-01\nversion: 'v1.0'\n", 'x')
  t.strictSame(old, { timestamp: '2020-01-01', version: 'v1.0' })
})

t.test('what is no marker, or leads out of its folder, is refused', async t => {
  const text = readyText(READY)
  const cases: [string, RegExp][] = [
    ['', /x: its DATA_READY is not as it should be/],
    ['a: [', /x: its DATA_READY cannot be read: .*is not YAML/],
    ['version: v1', /not as it should be at '\/timestamp'/],
    [text.replace('"size":1', '"size":-1'), /not as it should be at '\/files/],
    [text.replace('run.sh', '../run.sh'), /refused: "\.\.\/run\.sh": it is no path below/],
    [text.replace('run.sh', '/run.sh'), /it is no path below/],
    [text.replace('run.sh', 'null'), /"null": it is there twice/],
    [text.replace('run.sh', 'null/x'), /"null" is a file and a folder/],
    [text.replace('run.sh', 'DATA_READY'), /DATA_READY is no file of a dataset/],
  ]
  for (const [bad, message] of cases) {
    t.throws(() => parseReady(bad, 'x'), { code: 'dataset-damaged', message })
  }
})

t.test('differences are told by digest', async t => {
  const a = [file('a'), file('b'), file('c')]
  const b = [file('c'), file('b', { sha256: '0'.repeat(64) }), file('d')]
  t.same(differences(a, a), [])
  t.same(differences(a, b), ['a', 'b', 'd'])
})

t.test('work in parallel ends with its first failure, and begins nothing after it', async t => {
  const begun: number[] = []
  let running = 0
  let most = 0
  const work = async (n: number) => {
    begun.push(n)
    running += 1
    most = Math.max(most, running)
    await new Promise(done => setTimeout(done, 2))
    running -= 1
    if (n === 4) throw new Error(`failed at ${n}`)
  }
  await t.rejects(inParallel([1, 2, 3, 4, 5, 6, 7, 8, 9], 2, work), { message: 'failed at 4' })
  t.equal(running, 0)
  t.equal(most, 2)
  t.ok(begun.length < 9)
  await inParallel([], 3, work)
})
