/** Archive commands that run long or repack: import, watch, interruption. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { exampleCopy } from '../support/example-folder.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'

t.test('import repacks archives of refgenieserver', async t => {
  const { folder, config } = await exampleCopy(t)
  const args = ['archive', 'import', '-c', config, '--archive-folder', folder, 't7/fasta:v2']
  t.match((await runHere([...args, '--dry-run'])).stdout, /create .*fasta:v2/)
  t.match(await runHere(args), { code: 0, stderr: /1 archived/ })
  t.match(await runHere(args), { code: 0, stderr: /0 archived, 1 up to date/ })
})

t.test('watch archives what becomes complete, until it is stopped', async t => {
  const made = await genomeFolder(t, {
    ...USUAL,
    'later:default': { files: { 'x.txt': 'x' }, build: 'running' },
  })
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      'src/cli/main.ts',
      'archive',
      'watch',
      '-c',
      made.config,
      '--interval',
      '0.2',
      '-j',
      '1',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
    child.emit('said')
  })
  const until = async (pattern: RegExp) => {
    while (!pattern.test(said)) await once(child, 'said')
  }
  await until(/2 archived/)
  await until(/later:default: .*its build is running/)
  await appendFile(made.config, 'broken: [\n')
  await until(/cannot archive now: .*is not YAML/)
  await made.rewrite(() => {})
  await writeFile(
    join(made.tagFolder('later'), '_refgenie_build/refgenie_SAMPLE_completed.flag'),
    '',
  )
  await until(/archived t7\/later:default/)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.equal(said.match(/its build is running/g)?.length, 1, 'the same failure is told once')
  for (const wrong of [
    ['--interval', '0'],
    ['--interval', 'x'],
  ]) {
    t.equal((await runHere(['archive', 'watch', '-c', made.config, ...wrong])).code, 2)
  }
  t.equal((await runHere(['archive', 'watch', '-c', '/nowhere.yaml'])).code, 3)
})

t.test('an interrupted run ends in good order', async t => {
  const made = await genomeFolder(t, {
    'x:default': { files: { 'big.bin': Buffer.alloc(400_000_000, 'abcdefg') } },
  })
  const child = spawn(
    process.execPath,
    [...process.execArgv, 'src/cli/main.ts', 'archive', 'create', '-c', made.config],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', chunk => {
    if (!said.includes('packing') && String(chunk).includes('packing')) child.kill('SIGINT')
    said += chunk
  })
  const [code] = await once(child, 'exit')
  t.equal(code, 1)
  t.match(said, /stopped; what was archived before stays/)
  t.same(await readdir(join(made.archiveFolder, '.refdepot')), [])
})
