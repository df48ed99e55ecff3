/** Bundles: whole, reproducible, served without unpacking, imported as a whole; what is wrong with one is found. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { BUNDLE_MANIFEST, bundleManifestText } from '../../src/archive/bundle-manifest.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { tarHeader } from '../../src/archive/tar-header.ts'
import { archive } from '../support/create-archives.ts'
import { EXAMPLE_FLAGS } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { run } from '../support/peers/run.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

/** An archive folder, and a bundle of it. */
async function bundled(t: Test, paths: readonly string[] = ['t7']) {
  const made = await genomeFolder(t)
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const top = join(made.archiveFolder, '..')
  const file = join(top, 'refs.bundle')
  const create = (to = file) =>
    runHere(['bundle', 'create', ...paths, '-c', made.serverConfig, '-o', to])
  const result = await create()
  t.match(result, { code: 0 })
  return { made, top, file, create, result }
}

/** Every file below a folder with its digest. */
async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name)
    if (!(await stat(path)).isFile()) continue
    tree[name] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  }
  return tree
}

const FORMS = [
  '/v3/genomes/list',
  '/v3/genomes/alias_dict',
  '/v3/assets/list?includeSeekKeys=true',
  `/v3/assets/attrs/${T7}/fasta`,
  `/v3/assets/archive/${T7}/fasta`,
  `/v3/assets/log/${T7}/fasta`,
  `/v3/assets/recipe/${T7}/fasta`,
  `/v3/assets/dir_contents/${T7}/fasta`,
  '/v2/asset/t7/fasta/archive',
  `/t7/assets/bwa_index/files/${T7}.fa.bwt`,
  '/t7/assets/fasta/archive?format=tar',
]

t.test('the same assets are the same bytes; tar unpacks them', async t => {
  const { file, top, create, result } = await bundled(t)
  t.match(
    result.stdout,
    /^added +t7\/bwa_index:default\nadded +t7\/fasta:default\ncreated .*: 2 archives/,
  )
  t.match(await create(join(top, 'again')), { code: 0 })
  t.ok((await readFile(file)).equals(await readFile(join(top, 'again'))))
  const listed = await run('tar', ['-tf', file])
  t.equal(listed.code, 0, listed.stderr)
  t.match(listed.stdout, /^refdepot-bundle.json\narchives\/\w+\//)
  const out = join(top, 'out')
  await mkdir(out)
  t.equal((await run('tar', ['-xf', file, '-C', out])).code, 0)
  const { files } = JSON.parse(await readFile(join(out, BUNDLE_MANIFEST), 'utf8'))
  const tree = await treeOf(out)
  for (const { key, sha256 } of files) t.equal(tree[key], sha256, key)
  t.equal(Object.keys(tree).length, files.length + 1)
})

t.test('served out of the file as the archive folder is', async t => {
  const { made, file } = await bundled(t)
  const origin = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  const served = await startApp(t, { store: file, config: '', archiveFolder: '' })
  t.same(await served.depot.check(), [])
  for (const url of FORMS) {
    const [there, here] = [await origin.app.inject({ url }), await served.app.inject({ url })]
    t.equal(here.statusCode, 200, url)
    t.ok(here.rawPayload.equals(there.rawPayload), url)
  }
  const headers = { range: 'bytes=100-299' }
  const part = await served.app.inject({ url: `/v3/assets/archive/${T7}/fasta`, headers })
  t.equal(part.statusCode, 206)
  t.ok(part.rawPayload.equals((await readFile(archive(made))).subarray(100, 300)))
  await writeFile(file, 'another file')
  const gone = await served.app.inject({ url: `/v3/assets/archive/${T7}/bwa_index` })
  t.equal(gone.statusCode, 500, 'a bundle that was replaced under the server is no mix of both')
})

t.test('imported into an archive folder, also beside what is there', async t => {
  const { made, file, top } = await bundled(t, ['t7/bwa_index'])
  const target = join(top, 'target')
  t.match(await runHere(['bundle', 'import', file, '--archives', target]), {
    code: 0,
    stdout: /^imported +t7\/bwa_index:default\n$/,
  })
  const other = join(top, 'fasta.bundle')
  await runHere(['bundle', 'create', 't7/fasta', '-c', made.config, '-o', other])
  t.match(await runHere(['bundle', 'import', other, '--archives', target]), { code: 0 })
  const before = await treeOf(target)
  t.match(await runHere(['bundle', 'import', other, '--archives', target]), { code: 0 })
  t.same(await treeOf(target), before, 'again: nothing changes')
  const origin = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  const served = await startApp(t, {
    config: join(target, 'genome_config.yaml'),
    archiveFolder: target,
  })
  for (const url of FORMS) {
    const [there, here] = [await origin.app.inject({ url }), await served.app.inject({ url })]
    t.equal(here.statusCode, 200, url)
    t.ok(here.rawPayload.equals(there.rawPayload), url)
  }
})

t.test('archives of other tools go along, with those of API v2', async t => {
  const file = join(t.testdir({}), 'peer.bundle')
  const create = await runHere(['bundle', 'create', 't7', ...EXAMPLE_FLAGS, '-o', file])
  t.match(create, { code: 0 })
  t.match(await runHere(['bundle', 'verify', file]), { code: 0, stdout: /^sound .*: \d+ archives/ })
  const origin = await startApp(t)
  const served = await startApp(t, { store: file, config: '', archiveFolder: '' })
  for (const url of [`/v3/assets/archive/${T7}/fasta`, '/v2/asset/t7/fasta/archive']) {
    const [there, here] = [await origin.app.inject({ url }), await served.app.inject({ url })]
    t.equal(here.statusCode, 200, url)
    t.ok(here.rawPayload.equals(there.rawPayload), url)
  }
})

t.test('what is damaged is found, and changes nothing', async t => {
  const { file, top } = await bundled(t)
  const sound = await readFile(file)
  const target = join(top, 'target')
  t.match(await runHere(['bundle', 'import', file, '--archives', target]), { code: 0 })
  const before = await treeOf(target)
  const { files } = JSON.parse(sound.subarray(512, sound.indexOf('}]}\n') + 4).toString())
  let start = 512 + Math.ceil((sound.indexOf('}]}\n') + 4 - 512) / 512) * 512
  for (const { key, size } of files) {
    const content = start + tarHeader({ path: key, type: 'file', size }).length
    const bytes = Buffer.from(sound)
    const at = content + Math.floor(size / 2)
    bytes[at] = (bytes[at] as number) ^ 1
    await writeFile(file, bytes)
    t.match(await runHere(['bundle', 'verify', file]), { stderr: /./ }, key)
    const imported = await runHere(['bundle', 'import', file, '--archives', target])
    t.not(imported.code, 0, key)
    if (key.startsWith('archives/')) t.match(imported, { code: 5, stderr: new RegExp(key) })
    t.same(await treeOf(target), before, `${key} is damaged: nothing has changed`)
    start = content + Math.ceil(size / 512) * 512
  }
  // Between the contents: other tools would unpack something else than the manifest says.
  for (const at of [sound.indexOf('archives/', start - sound.length + 20_000), sound.length - 3]) {
    const bytes = Buffer.from(sound)
    bytes[at] = 7
    await writeFile(file, bytes)
    t.match(await runHere(['bundle', 'verify', file]), { code: 5, stderr: /is damaged at/ })
  }
})

t.test('hostile and broken bundles are refused', async t => {
  const { file, top } = await bundled(t)
  const sound = await readFile(file)
  const refused = async (name: string, bytes: Buffer, reason: RegExp, code = 1) => {
    const path = join(top, 'bad.bundle')
    await writeFile(path, bytes)
    const target = join(top, 'nothing')
    for (const command of ['list', 'verify', 'serve', 'import']) {
      const more = command === 'import' ? ['--archives', target] : []
      t.match(await runHere(['bundle', command, path, ...more]), { code, stderr: reason }, name)
    }
    await t.rejects(stat(target), 'not even the folder is made')
  }
  for (const at of [0, 100, 512, 700, sound.length - 1025, sound.length - 1]) {
    // Before the end of the first header nobody knows that it was one.
    const [reason, code] = at < 512 ? [/is no bundle of refdepot/, 1] : [/is not whole/, 5]
    await refused(`cut at ${at}`, sound.subarray(0, at), reason as RegExp, code as number)
  }
  await refused('longer', Buffer.concat([sound, Buffer.alloc(512)]), /is not whole/, 5)
  const member = (path: string, content: string | Buffer) => {
    const size = Buffer.byteLength(content)
    const padding = Buffer.alloc((512 - (size % 512)) % 512)
    return Buffer.concat([tarHeader({ path, type: 'file', size }), Buffer.from(content), padding])
  }
  const end = Buffer.alloc(1024)
  const withManifest = (text: string) => Buffer.concat([member(BUNDLE_MANIFEST, text), end])
  const entry = (key: string, size = 0) => ({ key, size, sha256: 'a'.repeat(64) })
  const own = [entry('current.json'), entry('generations/000001.yaml')]
  for (const key of [
    '../x',
    '/etc/passwd',
    'archives/../../x',
    `archives/${'a'.repeat(32)}/../x`,
    `archives/${'a'.repeat(32)}/.hidden`,
    `archives/${'a'.repeat(32)}/a\nb`,
    `archives/${'a'.repeat(32)}/${'x'.repeat(300)}`,
    'generations/000002.yaml',
    'releases/x.json',
  ]) {
    await refused(
      key,
      withManifest(bundleManifestText([...own, entry(key)])),
      /is no name of a file/,
    )
  }
  await refused('no manifest', Buffer.concat([member('x', 'y'), end]), /does not begin with/)
  await refused('no JSON', withManifest('{'), /is not JSON/)
  await refused('another shape', withManifest('{"format": "x"}'), /not as this version/)
  await refused(
    'twice',
    withManifest(bundleManifestText([...own, ...own])),
    /twice, or out of order/,
  )
  await refused('nothing', withManifest(bundleManifestText([])), /current.json is missing/)
  const large = [...own, entry(`archives/${'a'.repeat(32)}/x`, 2 ** 53)]
  await refused('too large', withManifest(bundleManifestText(large)), /is too large/)
  const huge = tarHeader({ path: BUNDLE_MANIFEST, type: 'file', size: 2 ** 32 })
  await refused('a manifest of gigabytes', Buffer.concat([huge, Buffer.alloc(4096)]), /too large/)
  await truncate(file, 0)
  t.match(await runHere(['bundle', 'list', join(top, 'absent')]), { code: 1, stderr: /absent/ })
})
