/** `refdepot ls`, `search` and `url`. */
import { mkdir } from 'node:fs/promises'
import t from 'tap'
import { controlledApp } from '../support/controlled-app.ts'
import { HUSH } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { runHere } from '../support/run-here.ts'
import { servedGenomes } from '../support/served-genomes.ts'
import { startApp } from '../support/start-app.ts'
import { v3Only } from '../support/v3-only.ts'

const NOTHING_ELSE = {
  REFDEPOT_SERVER: '',
  REFDEPOT_TOKEN: '',
  REFDEPOT_CLIENT_CONFIG: '/nowhere.yaml',
  NETRC: '/nowhere',
}
const run = (args: string[], env = {}) =>
  runHere([...args, '--retries', '0'], { ...NOTHING_ELSE, ...env })
const paths = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(' ')[0])

t.test('what servers have', async t => {
  const { listen } = await startApp(t)
  const url = await listen()
  const old = await v3Only(t, url)
  for (const server of [url, old.url]) {
    const all = await run(['ls', '--server', server])
    t.equal(all.code, 0)
    t.match(all.stdout, /^Asset +Size +Digest +Description\n/)
    t.ok(paths(all.stdout).includes('lambda/fasta:default'))
    t.same(paths((await run(['ls', 't7', '--server', server])).stdout), [
      't7/bowtie2_index:default',
      't7/bwa_index:default',
      't7/fasta:default',
      't7/fasta:v2',
    ])
    t.same(paths((await run(['ls', 't7/fasta:v2'], { REFDEPOT_SERVER: server })).stdout), [
      't7/fasta:v2',
    ])
    t.match(await run(['ls', 't7/fasat', '--server', server]), {
      code: 3,
      stderr: /did you mean fasta/,
    })
    t.match(await run(['ls', 't8', '--server', server]), { code: 3, stderr: /did you mean t7/ })
    t.match(await run(['ls', 't7/fasta.fai', '--server', server]), { code: 2 })
    const found = await run(['search', 'burrows', 'T7', '--json', '--server', server])
    t.match(JSON.parse(found.stdout), [{ registry_path: 't7/bwa_index:default', server }])
    t.match(await run(['search', 'nothing', '--server', server]), { code: 3, stdout: '' })
  }
  t.match(await run(['ls']), { code: 2, stderr: /no server is named/ })
})

t.test('what is in a folder, without any server', async t => {
  const { url, place } = await servedGenomes(t)
  const [flat, genomes] = [place('flat'), place('genomes-here')]
  const pulled = ['t7/fasta', 't7/bwa_index', '--server', url, '-o']
  t.equal((await run(['pull', ...pulled, flat, '--layout', 'flat'])).code, 0)
  t.equal((await run(['pull', ...pulled, genomes, '--layout', 'refgenie'])).code, 0)
  const config = `${genomes}/genome_config.yaml`
  for (const args of [
    ['-o', flat],
    ['-c', config],
  ]) {
    const all = await run(['ls', ...args])
    t.same(paths(all.stdout), ['t7/bwa_index:default', 't7/fasta:default'])
    t.match(all.stdout, /fasta:default +folder +\//)
    t.same(paths((await run(['ls', `${T7}/fasta`, ...args])).stdout), ['t7/fasta:default'])
    t.same(paths((await run(['search', 'BWA', ...args])).stdout), ['t7/bwa_index:default'])
    t.match(await run(['ls', 't9', ...args]), { code: 3, stderr: 'nothing found\n' })
  }
  const [record] = JSON.parse((await run(['ls', '--json'], { REFGENIE: config })).stdout)
  t.match(record, { genome: { digest: T7 }, state: 'folder', is_default: true })
  t.match(await run(['ls', '-o', flat, '--server', url]), { code: 2, stderr: /not both/ })
  await mkdir(place('empty'))
  t.equal((await run(['ls', '-o', place('empty')])).code, 3)
})

t.test('one address that works without credentials', async t => {
  const { listen, callers } = await controlledApp(t)
  const url = await listen()
  const open = await run(['url', 't7/fasta', '--server', url])
  t.match(open, { code: 0, stdout: /^http:\/\/.*\/archives\/[0-9a-f]{32}\n$/, stderr: /md5/ })
  t.equal((await fetch(open.stdout.trim())).status, 200)
  const file = await run(['url', 't7/fasta.fasta', '--server', url])
  t.match(file, { code: 0, stdout: /\/files\/.*\?tag=default\n$/ })
  t.equal((await fetch(file.stdout.trim())).status, 200)
  t.match(await run(['url', 't7/fasta.nothing', '--server', url]), {
    code: 3,
    stderr: /has no file with the seek key nothing; it has/,
  })
  const name = `${HUSH.alias}/fasta`
  t.match(await run(['url', name, '--server', url]), { code: 3, stdout: '' }, 'nobody sees it')
  const token = { REFDEPOT_TOKEN: callers.right as string }
  const link = await run(['url', name, '--expires', '5m', '--server', url], token)
  t.match(link, { code: 0, stdout: /^http:\/\/.*\/links\//, stderr: /works until .*Z, keep it/ })
  t.notMatch(link.stdout + link.stderr, callers.right as string)
  t.equal((await fetch(link.stdout.trim())).status, 200, 'without the token')
  const old = await v3Only(t, url)
  const v3 = await run(['url', 't7/fasta', '--server', old.url])
  t.match(v3, { code: 0, stdout: /\/v3\/assets\/archive\// })
  t.match(await run(['url', 't7/fasta.fasta', '--server', old.url]), { code: 3 })
})

t.test('a controlled asset is pulled with its token', async t => {
  const { listen, callers, folder } = await controlledApp(t)
  const url = await listen()
  const out = `${folder.archiveFolder}/../pulled`
  const args = ['pull', `${HUSH.alias}/fasta`, '--server', url, '-o', out, '--layout', 'flat']
  t.match(await run(args), { code: 3, stderr: /there is no genome/ })
  const done = await run(args, { REFDEPOT_TOKEN: callers.right as string })
  t.match(done, { code: 0, stdout: /^pulled/ })
})
