import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'

const PART = { ...USUAL, 'broken:default': { files: { 'x.txt': 'x' }, build: 'failed' } }

t.test('create, list, verify, remove', async t => {
  const made = await genomeFolder(t, PART)
  const cli = (...args: string[]) => runHere(['archive', ...args, '-c', made.config])
  const dry = await cli('create', '--dry-run')
  t.match(dry, { code: 0, stdout: new RegExp(`create  ${T7}/fasta:default: not archived\n`) })
  t.match(JSON.parse((await cli('create', '--dry-run', '--json', 't7/fasta')).stdout), {
    action: 'create',
  })
  const first = await cli('create')
  t.equal(first.code, 6, 'one of three failed')
  t.equal(first.stdout, '')
  t.match(first.stderr, /packing t7\/fasta:default \(\d+\.\d\d KB\)/)
  t.match(first.stderr, /archived t7\/fasta:default: .* % of/)
  t.match(first.stderr, /FAILED t7\/broken:default: .* its build has failed; build it again/)
  t.match(first.stderr, /2 archived, 0 up to date, 1 failed; .* saved/)
  t.equal((await cli('create', 't7/broken')).code, 1, 'all of one failed')
  await rm(made.tagFolder('broken'), { recursive: true })
  const table = await cli('list')
  t.match(
    table.stdout,
    /^Digest +Asset name +Path +Size +Created +Downloads\n[0-9a-f]{32} {2}t7\/bwa_index:default /,
  )
  const rows = JSON.parse((await cli('list', '--json', 't7/fasta')).stdout)
  t.match(rows, [
    {
      asset_name: 't7/fasta:default',
      registry_path: `${T7}/fasta:default`,
      size: Number,
      downloads: 0,
    },
  ])
  t.equal((await cli('list', '--csv')).stdout.split('\n').length, 4)
  t.match(await cli('verify'), { code: 0, stdout: /^sound {4}6c5f.*\nsound/ })
  t.match(await cli('verify', '--deep', 't7/fasta'), { code: 0, stdout: /KB read\)/ })
  const archive = join(made.archiveFolder, T7, 'fasta__default.tgz')
  const bytes = await readFile(archive)
  await writeFile(archive, bytes.fill(1, 500, 600))
  t.match(await cli('verify', '--deep', '--json', 't7/fasta'), {
    code: 5,
    stdout: /"kind":"damaged"/,
  })
  await rm(archive)
  t.match(await cli('verify'), { code: 1, stdout: /missing {2}6c5f.*: its archive is missing/ })
  t.match((await cli('list')).stdout, /missing/)
  t.match(await cli('remove', 't7/fasta'), {
    code: 0,
    stdout: /removed .*\nthe files stay; delete them with --purge/,
  })
  t.match(await cli('remove', '--purge', 't7/bwa_index'), {
    code: 0,
    stdout: /deleted .*bwa_index__default.tgz\n/,
  })
  t.equal((await cli('remove', 't7/bwa_index')).code, 3)
  t.equal((await cli('remove')).code, 2)
})

t.test('events as JSON, descriptions, jobs', async t => {
  const made = await genomeFolder(t, PART)
  const csv = join(made.genomeFolder, 'genomes.csv')
  await writeFile(csv, 'genome,description\n"t7","A ""phage"", small"\r\nnothing\nhuman,x\n')
  const args = [
    'create',
    '-c',
    made.config,
    '--json',
    '--genomes-desc',
    csv,
    '-j',
    '1',
    '--legacy-files',
  ]
  const { code, stdout } = await runHere(['archive', ...args])
  t.equal(code, 6)
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(events[0], { event: 'planned', create: 3 })
  t.match(
    events.find(({ event }) => event === 'failed'),
    { error: /its build has failed/ },
  )
  t.match(events.at(-1), { event: 'summary', archived: 2, failed: 1, plainBytes: Number })
  t.match(await readFile(made.serverConfig, 'utf8'), /genome_description: A "phage", small/)
  t.ok((await readdir(join(made.archiveFolder, 't7'))).includes('fasta__default.tgz'))
  for (const wrong of [['-j', '0'], ['-j', 'x'], ['--genomes-desc', '/nowhere.csv'], ['--nope']]) {
    t.equal(
      (await runHere(['archive', 'create', '-c', made.config, ...wrong])).code,
      2,
      wrong.join(' '),
    )
  }
})

t.test('what is missing is told with its exit code', async t => {
  const made = await genomeFolder(t)
  await made.rewrite(raw => {
    delete raw.genome_archive_folder
  })
  t.match(await runHere(['archive', 'create', '-c', made.config]), {
    code: 2,
    stderr: /genome_archive_folder/,
  })
  const env = { REFGENIE: made.config, REFGENIE_GENOME_ARCHIVE_FOLDER: made.archiveFolder }
  t.match(
    await runHere(['archive', 'create'], env),
    { code: 0 },
    '$REFGENIE and the folder of the environment',
  )
  t.match(await runHere(['archive', 'create']), {
    code: 2,
    stderr: /with -c FILE or in \$REFGENIE/,
  })
  t.equal((await runHere(['archive', 'create', '-c', '/nowhere.yaml'])).code, 3)
  t.match(await runHere(['archive', 'create', 'nope'], env), {
    code: 3,
    stderr: /no genome 'nope'; there are t7/,
  })
  t.match(await runHere(['archive', '--help']), { code: 0, stdout: /create .*\n(?:.*\n)*.*verify/ })
  t.match(await runHere(['archive', 'create', '--help']), { code: 0, stdout: /--genomes-desc/ })
})

t.test('a terminal shows a bar for each asset with rate and time left', async t => {
  const made = await genomeFolder(t, {
    ...PART,
    'large:default': { files: { 'x.bin': Buffer.alloc(150_000_000, 'abc') } },
  })
  const { code, stderr } = await runHere(['archive', 'create', '-c', made.config], {}, true)
  t.equal(code, 6)
  t.match(stderr, /t7\/large:default \|.*\| \d+ % [\d.]+ [KMG]?B\/s, .* left/)
  t.match(stderr, /archived t7\/fasta:default: .* % of/)
  t.match(stderr, /FAILED t7\/broken:default/)
  t.match(stderr, /3 archived, 0 up to date, 1 failed; .* saved/)
  await made.rewrite(raw => raw.genomes?.[T7]?.aliases?.push('later'))
  const again = await runHere(['archive', 'create', '-c', made.config])
  t.match(again.stderr, /completed the views of t7\/fasta:default: new alias later\n/)
  t.match(again.stderr, /0 archived, 3 completed, 0 up to date, 1 failed\n/)
})

t.test('a terminal shows every line, also those of the last moment', async t => {
  const tiny = { files: { 'x.txt': 'x' }, build: false } as const
  const made = await genomeFolder(t, {
    'a:default': tiny,
    'b:default': tiny,
    'c:default': { files: {} },
  })
  const create = () => runHere(['archive', 'create', '-c', made.config], {}, true)
  const { stderr } = await create()
  for (const line of [
    /warning: t7\/a:default: there is no build log/,
    /warning: t7\/b:default: there is no build recipe/,
    /archived t7\/a:default: /,
    /archived t7\/b:default: /,
    /FAILED t7\/c:default: /,
  ]) {
    t.match(stderr, line)
  }
  t.match(
    (await create()).stderr,
    /FAILED t7\/c:default: [\s\S]*0 archived, 2 up to date, 1 failed/,
  )
})
