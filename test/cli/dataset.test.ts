import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { dataFolder, filesBelow } from '../support/data-folder.ts'
import { runHere } from '../support/run-here.ts'

const KIT = 'capturekit/agilent'
const PON = 'mutect2/pon'

async function commands(t: Test) {
  const made = await dataFolder(t)
  await made.wants({ [KIT]: 'v1.0', [PON]: '1' })
  await made.put(KIT, { 'probes.bed': 'AAAA' })
  await made.put(PON, { 'pon.vcf': noise(100_000) })
  const elsewhere = join(made.top, 'elsewhere')
  const env = { REFDEPOT_DATASETS: made.list, REFDEPOT_STORE: made.place }
  const dataset = (...args: string[]) => runHere(['dataset', ...args], env)
  const here = (command: string, ...args: string[]) =>
    dataset(command, '--data', made.data, ...args)
  const there = (command: string, ...args: string[]) =>
    dataset(command, '--data', elsewhere, ...args)
  return { ...made, elsewhere, env, dataset, here, there }
}

const lines = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

t.test('from folders to a store and back, as with vcpipe-refdata', async t => {
  const { here, there, data, elsewhere } = await commands(t)
  t.match(await here('package', '--nature', 'capturekit'), {
    code: 0,
    stdout: /^packaged +capturekit\/common\/agilent v1\.0 \(4\.00 B hashed\)\n1 done, 0 failed\n$/,
  })
  const half = await here('upload')
  t.match(half, {
    code: 6,
    stdout: /^uploaded +capturekit.*sent\)\n1 done, 1 failed; generation 1\n$/,
    stderr: /^FAILED mutect2\/common\/pon 1: it is not packaged; run `refdepot dataset package`\n$/,
  })
  t.match(await here('package'), { code: 0, stdout: /unchanged +capture.*\npackaged +mutect2/ })
  t.match(await here('upload'), { code: 0, stdout: /present +capture.*\nuploaded +mutect2/ })
  t.match(await here('upload', '--threads', '2'), {
    code: 0,
    stdout: /^present +\S+ v1\.0\npresent +\S+ 1\n2 done, 0 failed; generation 2\n$/,
  })
  t.match(await there('status'), { code: 1, stdout: /v1\.0 +missing +ready +DIFFERS\n/ })
  t.match(await there('download', '--kind-id', 'pon', '--kind-id', 'agilent'), {
    code: 0,
    stdout: /downloaded .*\ndownloaded +mutect2\/common\/pon 1 \(97\.66 KB fetched\)\n/,
  })
  t.strictSame(await filesBelow(elsewhere), await filesBelow(data))
  t.match(await there('status', '--deep'), {
    code: 0,
    stdout:
      /^Dataset +Wanted +Here +Store\ncapturekit\/common\/agilent +v1\.0 +v1\.0, ready +ready +ok\n/,
  })
  t.match(await there('download'), { code: 0, stdout: /current .*\ncurrent .*\n2 done/ })
})

t.test('every command speaks JSON', async t => {
  const { here, there, top, dataset } = await commands(t)
  t.match(lines((await here('package', '--json')).stdout), [
    { event: 'begin', dataset: 'capturekit/common/agilent v1.0', bytes: 4 },
    { event: 'progress', bytes: 4 },
    { event: 'done', action: 'packaged' },
    { event: 'begin' },
    { event: 'progress' },
    { event: 'done' },
    { event: 'summary', done: 2, failed: 0, bytes: 100_004 },
  ])
  t.match(lines((await here('upload', '--json')).stdout).at(-1), { generation: 1, done: 2 })
  const again = await here('upload', '--json')
  t.match(lines(again.stdout).at(-1), { event: 'summary', bytes: 0, generation: 1 })
  t.match(lines((await there('status', '--json')).stdout), [[{ drift: true }, { drift: true }]])
  const failed = await there('download', '--json', '--version', '1')
  t.equal(failed.code, 6)
  t.match(lines(failed.stdout)[0], {
    event: 'failed',
    code: 'dataset-missing',
    error: /incomplete or not there/,
  })
  const file = join(top, 'b.tar')
  t.match(lines((await here('export', file, '--json')).stdout), [
    { event: 'exported', datasets: 2 },
  ])
  t.match(lines((await there('import', file, '--json')).stdout), [
    { event: 'imported', nature: 'capturekit', type: 'common', kind: 'agilent', version: 'v1.0' },
    { kind: 'pon' },
  ])
  t.match(lines((await dataset('list-kinds', '--json')).stdout), [
    [{ nature: 'capturekit', kind: 'agilent', version: 'v1.0', data_types: ['common'] }, {}],
  ])
})

t.test('kinds are listed, with data types when asked for', async t => {
  const { dataset, list } = await commands(t)
  await writeFile(
    list,
    '{"a": {"types": ["common", "x"], "kinds": {"k": {"version": "1"}}}, "b": {"kinds": {"l": {"version": "2"}}}}',
  )
  t.match(await dataset('list-kinds'), {
    code: 0,
    stdout: 'Nature  Kind  Version\na       k     1\nb       l     2\n',
  })
  t.match(await dataset('list-kinds', '--show-data-types', '--nature', 'a'), {
    stdout: 'Nature  Kind  Version  Data types\na       k     1        common, x\n',
  })
})

t.test('shared options stand before the command or behind it', async t => {
  const { list, data, elsewhere, place } = await commands(t)
  const plain = (...args: string[]) => runHere(['dataset', ...args])
  t.match(await plain('-d', list, '--data', data, 'package'), { code: 0 })
  t.match(await plain('-d', list, '--threads', '4', '--data', data, '--store', place, 'upload'), {
    code: 0,
  })
  // What stands behind counts.
  t.match(await plain('-d', 'none.json', '--data', elsewhere, 'status', '-d', list), {
    code: 1,
    stdout: /missing +not asked +DIFFERS/,
  })
  t.match(await plain('--data', data, 'status', '-d', list), { code: 0, stdout: /not asked +ok/ })
  t.match(await runHere(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('mistakes in the use have code 2 or 3, and say what to do', async t => {
  const { here, dataset, list, data } = await commands(t)
  t.match(await here('package', '--nature', 'x'), {
    code: 2,
    stderr: /--nature: 'x' is not allowed; give one of capturekit, mutect2/,
  })
  t.match(await dataset('package', '-d', 'none.json'), {
    code: 3,
    stderr: /cannot read the list of datasets none\.json/,
  })
  t.match(await here('upload', '--threads', '0'), { code: 2, stderr: /--threads: '0'/ })
  t.match(await here('package', '--data', ''), { code: 2, stderr: /--data: '' is not allowed/ })
  t.match(await runHere(['dataset', 'upload', '-d', list, '--data', data]), {
    code: 2,
    stderr: /--store: '' is not allowed; give a store/,
  })
  t.match(await dataset('upload', '--spaces-key', 'x'), { code: 2 })
  const all = await here('download', '--store', join(data, 'nothing'))
  t.match(all, { code: 3, stderr: /FAILED .*incomplete or not there/ })
  t.match(await here('import', 'none.tar'), { code: 1, stderr: /none\.tar/ })
  t.match(await here('import'), { code: 2 })
})

t.test('damage has code 5', async t => {
  const { here, there, place, folder, put } = await commands(t)
  await here('package')
  await put(KIT, { 'probes.bed': 'BBBB' })
  t.match(await here('upload'), {
    code: 5,
    stderr: /files differ from its DATA_READY: probes\.bed/,
  })
  await put(KIT, { 'probes.bed': 'AAAA' })
  await here('upload')
  await writeFile(join(place, 'capturekit/common/agilent/v1.0/probes.bed'), 'BBBB')
  t.match(await there('download'), { code: 5, stderr: /probes\.bed is damaged/ })
  await rm(join(folder(KIT), 'DATA_READY'))
  t.match(await here('export', join(place, 'x.tar')), { code: 1, stderr: /it is not packaged/ })
})

t.test('the archives of datasets are listed and verified as all others', async t => {
  const { here, place } = await commands(t)
  await here('package')
  await here('upload')
  const archives = (command: string, ...args: string[]) =>
    runHere(['archive', command, '--store', place, ...args])
  t.match(await archives('list'), { code: 0, stdout: /capturekit\.common\/agilent:v1\.0 / })
  t.match(await archives('verify', '--deep'), {
    code: 0,
    stdout: /^sound .*pon:1 .*\nsound .*agilent:v1\.0 .*\n$/,
  })
  await writeFile(join(place, 'capturekit/common/agilent/v1.0/probes.bed'), 'BBBB')
  const damaged = await archives('verify', '--deep')
  t.ok(damaged.code > 0)
  t.match(damaged.stdout, /agilent:v1\.0: .*probes\.bed/)
  t.match(damaged.stdout, /sound .*pon:1/)
})

t.test('--no-publish keeps a dataset out of the catalogue', async t => {
  const { here, place } = await commands(t)
  await here('package')
  t.match(await here('upload', '--no-publish'), { code: 0, stdout: /2 done, 0 failed\n$/ })
  await t.rejects(readFile(join(place, 'current.json')), { code: 'ENOENT' })
  t.match(await here('upload'), { code: 0, stdout: /present .*\n.*; generation 1\n$/s })
})

t.test('a terminal shows a bar', async t => {
  const { data, list } = await commands(t)
  const shown = await runHere(['dataset', 'package', '--data', data, '-d', list], {}, true)
  t.match(shown, { code: 0, stdout: /packaged/ })
})
