import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'

t.test('archives are pushed, served from the store, and rolled back', async t => {
  const made = await genomeFolder(t)
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const store = join(made.archiveFolder, '..', 'store')
  const push = (...args: string[]) =>
    runHere(['push', '-c', made.config, '--store', store, ...args])
  const first = await push('t7/fasta')
  t.match(first, {
    code: 0,
    stdout:
      /^pushed +\w+\/fasta:default \([\d.]+ KB sent\)\ngeneration 1: 1 pushed, 0 there already\n$/,
  })
  t.match(
    (await push('t7/fasta')).stdout,
    /^present +\w+\/fasta:default\ngeneration 1: 0 pushed, 1 there already\n$/,
  )
  const server = await serveCli(t, ['--store', store, '--watch-interval', '0.1'])
  const status = async (asset: string) =>
    (await fetch(`${server.url}/t7/assets/${asset}/archive`)).status
  t.same([await status('fasta'), await status('bwa_index')], [200, 404])
  const lines = (await push('--json')).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match((await push('--new')).stdout, /^generation 2: 0 pushed, 0 there already\n$/)
  t.match(lines.at(-1), { event: 'published', generation: 2, pushed: 1, present: 1 })
  t.equal(lines.length, 3)
  for (let i = 0; i < 100 && (await status('bwa_index')) !== 200; i += 1)
    await new Promise(done => setTimeout(done, 50))
  t.equal(await status('bwa_index'), 200)
  t.match(await runHere(['rollback', '--store', store]), {
    code: 0,
    stdout: 'generation 1 is served now\n',
  })
  for (let i = 0; i < 100 && (await status('bwa_index')) !== 404; i += 1)
    await new Promise(done => setTimeout(done, 50))
  t.equal(await status('bwa_index'), 404)
  t.match(await runHere(['rollback', '2'], { REFDEPOT_STORE: store }), {
    stdout: 'generation 2 is served now\n',
  })
  t.match(await runHere(['archive', 'list', '--store', store]), {
    code: 0,
    stdout: new RegExp(`t7/fasta:default +${store}/archives/\\w+/fasta__default.tgz `),
  })
  const verify = () => runHere(['archive', 'verify', '--deep', '--store', store, 't7/fasta'])
  t.match(await verify(), { code: 0, stdout: /^sound +\w+\/fasta:default \([\d.]+ KB read\)\n$/ })
  const archives = await readdir(store, { recursive: true })
  const archive = join(store, archives.find(name => name.endsWith('fasta__default.tgz')) as string)
  const bytes = await readFile(archive)
  bytes[20_000] = (bytes[20_000] as number) ^ 1
  await writeFile(archive, bytes)
  t.match(await verify(), { code: 5, stdout: /damaged in the 4 MiB chunks 0/ })
  t.match(await runHere(['archive', 'verify', '--store', store, 't7/none']), { code: 3 })
  t.match(await runHere(['archive', 'list', '--store', join(store, 'none')]), { code: 3 })
  t.match(await runHere(['rollback', '9', '--store', store]), {
    code: 1,
    stderr: /there is no generation 9/,
  })
  t.match(await runHere(['rollback', 'x', '--store', store]), {
    code: 2,
    stderr: /the generation: 'x' is not allowed; give a number from 1/,
  })
  t.match(await runHere(['rollback']), {
    code: 2,
    stderr: /--store: '' is not allowed; give a store: a folder or s3:\/\/BUCKET\/PREFIX/,
  })
  t.match(await runHere(['push', '-c', made.config, '--store', 's3:/x']), {
    code: 1,
    stderr: /no name of a bucket/,
  })
  t.match(await runHere(['serve', '--store', join(store, 'nothing'), '-p', '0']), {
    code: 3,
    stderr: /nothing is published there; run `refdepot push`/,
  })
  t.match(await runHere(['serve', '-p', '0']), {
    code: 2,
    stderr: /a genome config with -c FILE or in \$REFGENIE, or a store with --store/,
  })
})
