/** Withdrawing tags, making releases and demanding a licence on the command line. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'

const text = (content: string) => ({ files: { 'x.txt': content } })

async function archived(t: Test) {
  const made = await genomeFolder(t, { 'x:v1': text('one'), 'x:v2': text('two') }, ['t7'])
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const place = join(made.archiveFolder, '..', 'store')
  return { made, place, store: ['--store', place], folder: ['-c', made.config] }
}

t.test('a tag is withdrawn from a store and served again', async t => {
  const { store, place, folder } = await archived(t)
  await runHere(['push', ...folder, ...store])
  const withdraw = (...args: string[]) => runHere(['withdraw', 't7/x:v1', ...args])
  t.match(await withdraw(...store, '--reason', ' wrong\n strand ', '--successor', 't7/x:latest'), {
    code: 0,
    stdout: `withdrawn ${T7}/x:v1: generation 2\n`,
  })
  const config = await readFile(join(place, 'generations/000002.yaml'), 'utf8')
  t.match(config, 'reason: wrong strand')
  t.match(config, `successor: ${T7}/x:v2`)
  t.match(await runHere(['push', ...folder, ...store]), {
    code: 0,
    stdout:
      /^withdrawn .*x:v1\npresent .*x:v2\ngeneration 2: 0 pushed, 1 there already, 1 withdrawn\n$/,
  })
  t.match(await runHere(['rollback', ...store]), {
    code: 0,
    stdout: `generation 3 is served now: generation 1 without what was withdrawn since\nstill withdrawn ${T7}/x:v1\n`,
  })
  t.match(await runHere(['rollback', '1', '--include-withdrawn', ...store]), {
    stdout: 'generation 1 is served now\n',
  })
  t.match(await withdraw('--reason', 'x', ...store), { stdout: /generation 4\n/ })
  t.match(await runHere(['withdraw', 't7/x:v1', '--undo'], { REFDEPOT_STORE: place }), {
    code: 0,
    stdout: `served again ${T7}/x:v1: generation 5\n`,
  })
  t.match(await withdraw('--undo', ...store), { code: 1, stderr: /it is not withdrawn/ })
})

t.test('a tag is withdrawn from an archive folder, and mistakes are told', async t => {
  const { store, folder, made } = await archived(t)
  const withdraw = (...args: string[]) => runHere(['withdraw', ...args])
  t.match(await withdraw('t7/x:v1', '--reason', 'wrong', ...folder), {
    code: 0,
    stdout: `withdrawn ${T7}/x:v1\n`,
  })
  t.match(await runHere(['serve', '--check', ...folder]), {
    stdout: /not listed {6}\w+\/x:v1 was withdrawn: wrong\n/,
  })
  t.match(await runHere(['push', ...folder, ...store]), {
    stdout: /1 pushed, 0 there already, 1 withdrawn/,
  })
  t.match(await withdraw('t7/x:v1', '--undo'), {
    code: 2,
    stderr: /a store .*, or a genome config with -c FILE/,
  })
  t.match(await runHere(['withdraw', 't7/x:v1', '--undo'], { REFGENIE: made.config }), { code: 0 })
  for (const [args, code, stderr] of [
    [['t7/x:v1'], 2, /--reason: '' is not allowed; give a text of 1 to 1000 characters/],
    [['t7/x:v1', '--reason', 'x'.repeat(1001)], 2, /--reason/],
    [
      ['t7/x:v1', '--undo', '--reason', 'x'],
      2,
      /--undo: '' is not allowed; give it without --reason/,
    ],
    [['t7/x:v1', '--undo', '--successor', 't7/x:v2'], 2, /--undo/],
    [['t7/x', '--reason', 'x'], 1, /t7\/x: name one tag, as genome\/asset:tag/],
    [['t7/x:v9', '--reason', 'x'], 3, /there is no tag 'v9'/],
    [['t7/x:v1', '--reason', 'x', '--successor', 't7/x:v9'], 3, /there is no tag 'v9'/],
    [['t7/x:v1', '--reason', 'x', ...store], 2, /cannot be used with option/],
  ] as const) {
    t.match(await withdraw(...args, ...folder), { code, stderr }, args.join(' '))
  }
})

t.test('releases are made, listed, shown and compared', async t => {
  const { store, folder } = await archived(t)
  await runHere(['push', ...folder, ...store])
  for (const place of [store, folder]) {
    const release = (...args: string[]) => runHere(['release', ...args, ...place])
    t.match(await release('list'), { code: 0, stdout: /^Release +Made +Generation +Archives/ })
    t.match(await release('create', '1', 't7/x:v1', '--description', 'The first'), {
      code: 0,
      stdout: 'release 1 made: 1 archives\n',
    })
    t.match(await release('create', '1', 't7/x:v1', '--description', 'The first'), {
      code: 0,
      stdout: 'release 1 is there already: 1 archives\n',
    })
    t.match(await release('create', '1'), { code: 1, stderr: /releases never change/ })
    const second = JSON.parse((await release('create', '2', '--json')).stdout)
    t.match(second, { name: '2', made: true, entries: { length: 2 } })
    t.match((await release('list')).stdout, /\n1 +\d{4}.* 1 +The first\n/)
    const listed = JSON.parse((await release('list', '--json')).stdout)
    t.same(new Set(listed.map(({ name }: { name: string }) => name)), new Set(['1', '2']))
    t.match(
      listed.find(({ name }: { name: string }) => name === '1'),
      {
        entry_count: 1,
        description: 'The first',
        generation: place === store ? 1 : null,
      },
    )
    const [entry] = second.entries
    t.match((await release('show', '1')).stdout, `t7/x:v1  `)
    t.match((await release('show', '1')).stdout, entry.archive.sha256)
    t.same(JSON.parse((await release('show', '2', '--json')).stdout).entries, second.entries)
    t.match((await release('diff', '1', '2')).stdout, /^added {4}t7\/x:v2 \w{32}\n$/)
    t.match((await release('diff', '2', '1')).stdout, /^removed {2}t7\/x:v2 \w{32}\n$/)
    t.match(JSON.parse((await release('diff', '1', '2', '--json')).stdout), {
      from: '1',
      to: '2',
      added: [second.entries[1]],
      removed: [],
      changed: [],
    })
    t.match(await release('show', 'none'), { code: 3, stderr: /there is no release 'none'/ })
    t.match(await release('show', '../x'), { code: 3, stderr: /there is no release/ })
    t.match(await release('create', 'a b'), { code: 1, stderr: /its name must be/ })
    t.match(await release('create', '3', '--description', ' '), {
      code: 2,
      stderr: /--description/,
    })
    t.match(await release('create', '3', 't7/none'), { code: 3 })
  }
})

t.test('a changed archive is told by release diff, and refused by push', async t => {
  const { store, folder, made } = await archived(t)
  await runHere(['push', ...folder, ...store])
  const release = (...args: string[]) => runHere(['release', ...args, ...folder])
  await release('create', 'before')
  await writeFile(join(made.tagFolder('x', 'v1'), 'x.txt'), 'changed')
  await runHere(['archive', 'create', '--force', ...folder])
  await release('create', 'after')
  t.match(
    (await release('diff', 'before', 'after')).stdout,
    /^changed {2}t7\/x:v1 \w{32} \w{32}\n$/,
  )
  await writeFile(join(made.archiveFolder, 'releases/odd.json'), '{}')
  t.match(await release('list'), { code: 0, stderr: /odd\.json is no release/ })
  t.match(await runHere(['push', ...folder, ...store]), {
    code: 1,
    stdout: '',
    stderr: /x:v1 is published with the archive \w{32} and stays so/,
  })
})

t.test('push and archive create refuse what a policy demands and nobody says', async t => {
  const { store, folder, made } = await archived(t)
  const policy = join(made.archiveFolder, '..', 'policy.yaml')
  await writeFile(policy, 'default: open\nrequire: [licence]\n')
  const push = (...args: string[]) => runHere(['push', ...folder, ...store, ...args])
  t.match(await push('--policy', policy), {
    code: 1,
    stderr: /x:v1 does not say licence, which the policy requires/,
  })
  const create = (...args: string[]) => runHere(['archive', 'create', '-f', ...folder, ...args])
  const refused = await runHere(['archive', 'create', '-f', ...folder], { REFDEPOT_POLICY: policy })
  t.match(refused, { code: 1, stderr: /FAILED t7\/x:v2: \w+\/x:v2 does not say licence/ })
  await made.rewrite(raw => Object.assign(raw.genomes?.[T7]?.assets?.x ?? {}, { licence: 'MIT' }))
  t.match(await create('--policy', policy), { code: 0 })
  t.match(await push('--policy', policy), { code: 0, stdout: /2 pushed/ })
  await writeFile(policy, 'require: [licence]\n')
  t.match(await push('--policy', policy), {
    code: 1,
    stderr: /the policy says nothing of access; if everything is to be open/,
  })
  await writeFile(policy, 'default: open\nrequire: [license]\n')
  t.match(await push('--policy', policy), {
    code: 1,
    stderr:
      /require\.0 must be licence, redistribute, source, release, accession, citation, not 'license'/,
  })
  await writeFile(policy, 'default: open\nrequire:\n')
  t.match(await push('--policy', policy), { code: 0 })
})

t.test('a release says what a policy controls', async t => {
  const { store, folder, made, place } = await archived(t)
  await runHere(['push', ...folder, ...store])
  const policy = join(made.archiveFolder, '..', 'policy.yaml')
  await writeFile(policy, 'studies:\n  S: [t7/x:v1]\n')
  for (const [at, root] of [
    [store, place],
    [folder, made.archiveFolder],
  ] as const) {
    t.match(await runHere(['release', 'create', 'r', '--policy', policy, ...at]), { code: 0 })
    const { entries } = JSON.parse(await readFile(join(root, 'releases/r.json'), 'utf8'))
    t.match(entries[0], { controlled: true, studies: ['S'] })
    t.notOk('controlled' in entries[1])
  }
})
