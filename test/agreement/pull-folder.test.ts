import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'js-yaml'
import t, { type Test } from 'tap'
import { findLocal } from '../../src/client/find-local.ts'
import { listLocal } from '../../src/client/local-assets.ts'
import { openTarget } from '../../src/client/open-target.ts'
import type { Fill } from '../../src/client/pull-target.ts'
import type { RemoteAsset } from '../../src/client/remote-asset.ts'
import { verifyLocal } from '../../src/client/verify-local.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs } from '../support/peers/servers.ts'

const CONFIG = `${BUILT}/archives/genome_config.yaml`

/** A genome folder with the Python client over it. */
async function genomeFolder(t: Test) {
  const home = await mkdtemp(join(tmpdir(), 'refdepot-'))
  t.teardown(() => rm(home, { recursive: true }))
  const config = join(home, 'genome_config.yaml')
  const env = { ...process.env, REFGENIE: config, PATH: `${PYTHON_BIN}:${process.env.PATH}` }
  const refgenie = (...args: string[]) => run(`${PYTHON_BIN}/refgenie`, args, { env })
  return { home, config, refgenie }
}

/** An asset as the server tells of it, and what unpacks its archive. */
async function assetAt(
  server: string,
  alias: string,
  name: string,
  tag: string,
): Promise<{ asset: RemoteAsset; fill: Fill }> {
  const text = async (path: string) => (await fetch(`${server}/v3${path}`)).text()
  const digest = await text(`/genomes/genome_digest/${alias}`)
  const attributes: RemoteAsset['attributes'] = JSON.parse(
    await text(`/assets/attrs/${digest}/${name}?tag=${tag}`),
  )
  const { genome_description: description } = JSON.parse(
    await text(`/genomes/attrs/${digest}`),
  ) as { genome_description?: string }
  const parentDigests: Record<string, string> = {}
  for (const parent of attributes.asset_parents ?? []) {
    const [, parentAsset, parentTag] = parent.split(/[/:]/)
    parentDigests[parent] = await text(
      `/assets/asset_digest/${digest}/${parentAsset}?tag=${parentTag}`,
    )
  }
  const url = `${server}/v3/assets/archive/${digest}/${name}?tag=${tag}`
  const asset: RemoteAsset = {
    server,
    registryPath: `${alias}/${name}:${tag}`,
    genome: { digest, aliases: [alias], ...(description !== undefined && { description }) },
    asset: { name, defaultTag: 'default' },
    tag,
    attributes,
    parentDigests,
    archive: { md5: attributes.archive_digest ?? '', size: 0, indexed: true, urls: [url] },
  }
  const fill: Fill = async staging => {
    await mkdir(staging)
    const packed = await run('curl', ['-fsS', '-o', `${staging}.tgz`, url])
    const unpacked = await run('tar', [
      '-xzf',
      `${staging}.tgz`,
      '-C',
      staging,
      '--strip-components=1',
    ])
    t.equal(packed.code + unpacked.code, 0, packed.stderr + unpacked.stderr)
  }
  return { asset, fill }
}

/** What lies in a genome folder: contents of files, targets of links. */
async function treeOf(home: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(home.length + 1)
    if (name.startsWith('data/.refdepot') || name === 'genome_config.yaml') continue
    if (entry.isSymbolicLink()) tree[name] = `-> ${await readlink(path)}`
    else tree[name] = entry.isDirectory() ? 'folder' : await readFile(path, 'base64')
  }
  return tree
}

const ASSETS = [
  ['t7', 'bowtie2_index', 'default'],
  ['t7', 'fasta', 'default'],
  ['t7', 'fasta', 'v2'],
  ['lambda', 'fasta', 'default'],
  ['lambda', 'bwa_index', 'default'],
] as const

t.test('a folder that we fill is the one that refgenie pull fills', async t => {
  const server = await startOurs(t, ['-c', CONFIG])
  const theirs = await genomeFolder(t)
  t.equal((await theirs.refgenie('init', '-c', theirs.config, '-s', server)).code, 0)
  const ours = await genomeFolder(t)
  const target = await openTarget({ folder: ours.home, layout: 'refgenie' })
  for (const [alias, name, tag] of ASSETS) {
    const pulled = await theirs.refgenie('pull', '-b', `${alias}/${name}:${tag}`)
    t.equal(pulled.code, 0, pulled.stderr)
    const { asset, fill } = await assetAt(server, alias, name, tag)
    t.equal((await target.place(asset, fill)).action, 'pulled')
    const parsed = async ({ home, config }: typeof ours) =>
      JSON.parse(JSON.stringify(load(await readFile(config, 'utf8'))).replaceAll(home, 'HOME'))
    t.same(await parsed(ours), await parsed(theirs), `config after ${alias}/${name}:${tag}`)
    t.same(
      await treeOf(ours.home),
      await treeOf(theirs.home),
      `files after ${alias}/${name}:${tag}`,
    )
  }
  for (const args of [
    ['list'],
    ['list', '-g', 't7'],
    ['seek', 't7/fasta'],
    ['seek', 't7/fasta.fai:v2'],
    ['seek', 'lambda/bwa_index.dir'],
    ['seek', 't7/bowtie2_index'],
    ['id', 't7/bowtie2_index'],
    ['alias', 'get'],
  ]) {
    const [here, there] = [await ours.refgenie(...args), await theirs.refgenie(...args)]
    t.equal(here.code, 0, here.stderr)
    const plain = (text: string, home: string) => text.replaceAll(home, 'HOME')
    t.equal(plain(here.stdout, ours.home), plain(there.stdout, theirs.home), args.join(' '))
  }
  for (const path of ['t7/fasta.fai:v2', 't7/bowtie2_index.bowtie2_index', 'lambda/fasta.fasta']) {
    const found = await findLocal({ folder: theirs.home }, path)
    t.equal(`${found.path}\n`, (await theirs.refgenie('seek', path)).stdout)
  }
  const { stdout } = await ours.refgenie('seek', 't7/fasta.fasta:v2')
  t.ok((await stat(stdout.trim())).size > 0, 'the file that is found is there')
})

t.test(
  'the Python client removes what we have placed, and what it has pulled is ours, too',
  async t => {
    const server = await startOurs(t, ['-c', CONFIG])
    const { home, config, refgenie } = await genomeFolder(t)
    const target = await openTarget({ folder: home, layout: 'refgenie' })
    const fasta = await assetAt(server, 't7', 'fasta', 'default')
    const index = await assetAt(server, 't7', 'bowtie2_index', 'default')
    for (const { asset, fill } of [fasta, index]) await target.place(asset, fill)
    t.ok(await target.find(index.asset))
    const removed = await refgenie('remove', '-f', 't7/bowtie2_index:default')
    t.equal(removed.code, 0, removed.stderr)
    t.equal(await target.find(index.asset), undefined)
    t.ok(await target.find(fasta.asset), 'the other one stays')
    t.notMatch(await readFile(config, 'utf8'), /bowtie2/)
    // A folder that both have filled.
    const pulled = await refgenie('pull', '-b', 't7/bowtie2_index', 'lambda/fasta:default')
    t.equal(pulled.code, 0, pulled.stderr)
    t.equal(await target.find(index.asset), join(home, 'data', T7, 'bowtie2_index/default'))
    const lambda = await assetAt(server, 'lambda', 'fasta', 'default')
    const never: Fill = async () => {
      t.fail('fetched although it was there')
    }
    t.same(await target.place(lambda.asset, never), {
      path: join(home, 'data', LAMBDA, 'fasta/default'),
      action: 'current',
    })
    // Whoever has placed them: with a record, and with the digest of the config.
    await rm(join(home, 'data/.refdepot/records', LAMBDA), { recursive: true, force: true })
    for (const here of await listLocal({ config })) {
      const { comparison, problems } = await verifyLocal(here, { deep: true })
      t.same([comparison, problems], ['asset-digest', []], here.registryPath)
    }
    await writeFile(join(home, 'data', LAMBDA, 'fasta/default', `${LAMBDA}.fa`), 'damaged')
    const damaged = (await listLocal({ config })).find(each => each.genome === LAMBDA)
    t.equal(damaged && (await verifyLocal(damaged, { deep: true })).problems[0]?.kind, 'damaged')
    const all = await refgenie('remove', '-f', 't7/fasta:default')
    t.equal(all.code, 0, all.stderr)
    t.equal(await target.find(fasta.asset), undefined)
    t.equal((await target.place(fasta.asset, fasta.fill)).action, 'pulled')
    t.match((await refgenie('seek', 't7/fasta')).stdout, `${home}/alias/t7/fasta/default/t7.fa`)
  },
)

/** Looks for an asset and asks whether another could be placed; answers what it found and the code of the refusal. */
const LOOK = `
import { openTarget } from './dist/client/open-target.js'
const [layout, folder, asset, other] = process.argv.slice(1)
const target = await openTarget({ folder, layout })
const path = await target.find(JSON.parse(asset))
const again = await target.place(JSON.parse(asset), () => process.exit(9))
const refused = await target.place(JSON.parse(other), () => process.exit(9)).catch(error => error)
console.log(JSON.stringify({ path, action: again.action, code: refused.code, message: refused.message }))
`

t.test('a shared store that is mounted read-only: found, sound, never written', async t => {
  const server = await startOurs(t, ['-c', CONFIG])
  for (const layout of ['refgenie', 'flat', 'digest'] as const) {
    const { home } = await genomeFolder(t)
    const { asset, fill } = await assetAt(server, 't7', 'fasta', 'default')
    const { path } = await (await openTarget({ folder: home, layout })).place(asset, fill)
    const other = (await assetAt(server, 'lambda', 'fasta', 'default')).asset
    const readOnly = (program: string, ...args: string[]) =>
      run('unshare', [
        '-rm',
        'sh',
        '-c',
        'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"',
        home,
        program,
        ...args,
      ])
    const assets = [asset, other].map(each => JSON.stringify(each))
    const node = ['--input-type=module', '-e', LOOK, layout, home, ...assets]
    const looked = await readOnly(process.execPath, ...node)
    t.equal(looked.code, 0, looked.stderr)
    t.match(JSON.parse(looked.stdout), {
      path,
      action: 'current',
      code: 'storage-write-failed',
      message: /the file system is read-only/,
    })
    const main = 'dist/cli/main.js'
    const found = await readOnly(process.execPath, main, 'path', 't7/fasta.fasta', '-o', home)
    t.match(found.stdout, new RegExp(`^${home}/.*\\.fa\n$`), found.stderr)
    const sound = await readOnly(process.execPath, main, 'verify', home, '--deep')
    t.equal(sound.code, 0, sound.stderr)
  }
})

/** Places an asset whose download takes a while; the first one to begin is killed in the middle of it. */
const PLACE = `
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { openTarget } from './dist/client/open-target.js'
const [folder, log, asset] = process.argv.slice(1)
const target = await openTarget({ folder, layout: 'refgenie' })
const { action } = await target.place(JSON.parse(asset), async staging => {
  await appendFile(log, 'begun\\n')
  const begun = await readFile(staging + '/begun', 'utf8').catch(() => '')
  await mkdir(staging, { recursive: true })
  await writeFile(staging + '/begun', begun + process.pid + '\\n')
  await wait(300)
  if (begun === '') process.kill(process.pid, 'SIGKILL')
})
console.log(action)
`

t.test('forty processes, the first of them killed under way: one goes on, all have it', async t => {
  const server = await startOurs(t, ['-c', CONFIG])
  const { home } = await genomeFolder(t)
  const { asset } = await assetAt(server, 't7', 'fasta', 'default')
  const log = join(home, 'log')
  const args = ['--input-type=module', '-e', PLACE, home, log, JSON.stringify(asset)]
  const all = await Promise.all(Array.from({ length: 40 }, () => run(process.execPath, args)))
  t.equal(await readFile(log, 'utf8'), 'begun\nbegun\n', 'the killed one, and the one that went on')
  const outputs = all.map(({ stdout }) => stdout.trim()).sort()
  t.same(outputs, ['', ...Array.from({ length: 38 }, () => 'current'), 'pulled'])
  const begun = await readFile(join(home, 'data', T7, 'fasta/default/begun'), 'utf8')
  t.equal(begun.split('\n').length, 3, 'it went on with what the killed one had left')
  t.same(await readdir(join(home, 'data/.refdepot/staging')), [])
})
