import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/client/open-target.ts'
import { filledWith, GENOME, remoteAsset } from '../support/remote-asset.ts'
import { runHere } from '../support/run-here.ts'

async function genomeFolder(t: Test) {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'refgenie' })
  const { path } = await target.place(remoteAsset(), filledWith())
  return { folder, path, config: join(folder, 'genome_config.yaml') }
}

t.test('path prints where an asset is, from a folder, a config or $REFGENIE', async t => {
  const { folder, config } = await genomeFolder(t)
  const file = join(folder, 'alias/t7/fasta/default/t7.fa')
  for (const [args, env] of [
    [['-o', folder], {}],
    [['-c', config], {}],
    [[], { REFGENIE: config }],
    [['-o', folder], { REFGENIE: '/none' }],
  ] as const) {
    const { code, stdout, stderr } = await runHere(['path', 't7/fasta.fasta', ...args], env)
    t.same({ code, stdout, stderr }, { code: 0, stdout: `${file}\n`, stderr: '' })
  }
  const { stdout } = await runHere(['path', 't7/fasta', '-c', config, '--json'])
  t.match(JSON.parse(stdout), {
    registry_path: 't7/fasta:default',
    path: join(folder, 'alias/t7/fasta/default'),
    genome: GENOME,
    archive_digest: remoteAsset().archive.md5,
    seek_keys: { dir: '.' },
  })
  // Nothing was pulled into the folder of the project.
  t.equal((await runHere(['path', 't7/fasta'])).code, 3)
})

t.test('path ends with 3 for what is not here, with 2 for two folders', async t => {
  const { folder, config } = await genomeFolder(t)
  for (const name of ['t7/fasta:v2', 't7/fasta.bam', 'lambda/fasta', 'no/re/gistry']) {
    const { code, stdout, stderr } = await runHere(['path', name, '-o', folder])
    t.equal(code, 3, name)
    t.equal(stdout, '')
    t.match(stderr, /^refdepot: /)
  }
  t.equal((await runHere(['path', 't7/fasta', '-c', config, '-o', folder])).code, 2)
  t.equal((await runHere(['path', 't7/fasta', '-c', `${config}.none`])).code, 3)
})

t.test(
  'verify: 0 when all is sound, 1 when something is missing, 5 when something is damaged',
  async t => {
    const { folder, path, config } = await genomeFolder(t)
    const sound = await runHere(['verify', folder, '--deep'])
    t.same(sound, {
      code: 0,
      stdout: 'sound    t7/fasta:default (asset-digest)\n',
      stderr: 'verified 1 of 1 assets, 26.00 B read\n',
    })
    t.equal(
      (await runHere(['verify'], { REFGENIE: config })).stdout,
      'sound    t7/fasta:default (size)\n',
    )
    await rm(join(path, `${GENOME}.fa.fai`))
    const missing = await runHere(['verify', '-c', config])
    t.equal(missing.code, 1)
    t.match(missing.stderr, /pull again what is missing/)
    t.equal(missing.stdout, `missing  t7/fasta:default: ${path}/${GENOME}.fa.fai is not there\n`)
    await writeFile(join(path, `${GENOME}.fa`), 'x')
    const damaged = await runHere(['verify', folder, '--json'])
    t.equal(damaged.code, 5)
    t.match(JSON.parse(damaged.stdout), {
      registry_path: 't7/fasta:default',
      path,
      comparison: 'size',
      problems: [
        { path: `${GENOME}.fa`, kind: 'damaged' },
        { path: `${GENOME}.fa.fai`, kind: 'missing' },
      ],
    })
    await rm(path, { recursive: true })
    const gone = await runHere(['verify', folder])
    t.equal(gone.stdout, `missing  t7/fasta:default: ${path} is not there\n`)
  },
)

t.test('verify of nothing is no success', async t => {
  const folder = t.testdir({})
  const { code, stderr } = await runHere(['verify', folder])
  t.equal(code, 3)
  t.match(stderr, /has no pulled assets to verify/)
  t.equal((await runHere(['verify', join(folder, 'none')])).code, 3)
})
