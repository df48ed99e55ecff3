/** Bundles into genome folders and plain ones: as pulled, all of it or nothing. */
import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { EXAMPLE_FLAGS } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'

async function bundled(t: Test) {
  const made = await genomeFolder(t)
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const top = join(made.archiveFolder, '..')
  const file = join(top, 'refs.bundle')
  t.match(await runHere(['bundle', 'create', 't7', '-c', made.config, '-o', file]), { code: 0 })
  return { made, top, file }
}

/** Everything below a folder: digests of files, targets of links, folders. */
async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name)
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) tree[name] = await readlink(path)
    else if (stats.isDirectory()) tree[name] = 'folder'
    else
      tree[name] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
  }
  return tree
}

/** The files of an asset as they were built. */
async function builtFiles(folder: string): Promise<Record<string, Buffer>> {
  const names = (await readdir(folder)).filter(name => name !== '_refgenie_build')
  return Object.fromEntries(
    await Promise.all(names.map(async name => [name, await readFile(join(folder, name))] as const)),
  )
}

t.test('every layout has the files that were built', async t => {
  const { made, top, file } = await bundled(t)
  for (const [layout, place] of [
    ['refgenie', `data/${T7}/fasta/default`],
    ['flat', 't7/fasta'],
  ] as const) {
    const folder = join(top, layout)
    const command = ['bundle', 'import', file, '-o', folder, '--layout', layout]
    t.match(await runHere(command), {
      code: 0,
      stdout: /^imported t7\/bwa_index:default \(.*\)\nimported/,
    })
    for (const [name, content] of Object.entries(await builtFiles(made.tagFolder('fasta')))) {
      t.ok((await readFile(join(folder, place, name))).equals(content), `${layout} ${name}`)
    }
    const before = await treeOf(folder)
    t.match(await runHere(command), { code: 0, stdout: /^current +t7\/bwa_index:default/ })
    t.same(await treeOf(folder), before, 'again: nothing changes')
  }
  const raw = await readRawConfig(join(top, 'refgenie', 'genome_config.yaml'))
  t.match(raw.genomes?.[T7]?.assets?.fasta?.tags?.default?.seek_keys, { fasta: `${T7}.fa` })
  t.match(raw.genomes?.[T7]?.aliases, ['t7'])
  t.same(raw.genome_servers, ['http://refgenomes.databio.org'])
  const digests = join(top, 'digest')
  await runHere(['bundle', 'import', file, '-o', digests, '--layout', 'digest'])
  t.equal((await readdir(digests)).filter(name => /^[0-9a-f]{32}$/.test(name)).length, 2)
})

t.test('archives of other tools are unpacked too', async t => {
  const top = t.testdir({})
  const file = join(top, 'peer.bundle')
  await runHere(['bundle', 'create', 't7/fasta', ...EXAMPLE_FLAGS, '-o', file])
  const folder = join(top, 'flat')
  const done = await runHere(['bundle', 'import', file, '-o', folder, '--layout', 'flat'])
  t.match(done, { code: 0 })
  t.match((await readFile(join(folder, 't7/fasta', `${T7}.fa`))).toString('latin1', 0, 1), '>')
})

t.test('links to files of other assets, as refgenieserver packs them', async t => {
  const top = t.testdir()
  const file = join(top, 'refs.bundle')
  const create = ['bundle', 'create', 't7', ...EXAMPLE_FLAGS, '-o', file]
  t.match(await runHere(create), { code: 0 })
  const folder = join(top, 'refs')
  const command = ['bundle', 'import', file, '-o', folder, '--layout', 'refgenie']
  t.match(await runHere(command), { code: 0, stderr: '' })
  const link = join(folder, `data/${T7}/bwa_index/default/${T7}.fa`)
  t.equal(await readlink(link), `../../fasta/default/${T7}.fa`)
  t.match(await readFile(link, 'utf8'), /^>/, 'it leads to the file here')
  const flat = ['bundle', 'import', file, '-o', join(top, 'flat'), '--layout', 'flat']
  t.match(await runHere(flat), { code: 0 })
  const names = await readdir(join(top, 'flat/t7/bwa_index'))
  t.notOk(names.includes(`${T7}.fa`), 'where there is no place for it, there is no link')
})

t.test('one asset cannot be placed: the folder is as it was, byte for byte', async t => {
  const { top, file } = await bundled(t)
  const folder = join(top, 'genomes-2')
  const config = join(folder, 'genome_config.yaml')
  await mkdir(join(folder, 'alias', 't7'), { recursive: true })
  await writeFile(
    config,
    `config_version: 0.4\ngenome_folder: ${folder}\n# mine\ngenomes:\n  ${T7}: {aliases: [t7], assets: {}}\n`,
  )
  // Comes after bwa_index, and its links cannot be made.
  await writeFile(join(folder, 'alias', 't7', 'fasta'), 'in the way')
  const before = await treeOf(folder)
  const failed = await runHere(['bundle', 'import', file, '-c', config])
  t.match(failed, { code: 1, stderr: /alias/ })
  t.same(await treeOf(folder), before)
  const fresh = join(top, 'fresh')
  await mkdir(fresh)
  await writeFile(join(fresh, 'alias'), 'in the way')
  const there = await treeOf(fresh)
  const refused = await runHere(['bundle', 'import', file, '-o', fresh, '--layout', 'refgenie'])
  t.match(refused, { code: 1 })
  t.same(await treeOf(fresh), there)
})

t.test('what cannot be is refused before anything is unpacked', async t => {
  const { made, top, file } = await bundled(t)
  const folder = join(top, 'flat')
  await mkdir(join(folder, 't7', 'fasta'), { recursive: true })
  const import_ = (...args: string[]) => runHere(['bundle', 'import', file, ...args])
  t.match(await import_('-o', folder, '--layout', 'flat'), { code: 1, stderr: /is there already/ })
  t.same(await readdir(join(folder, 't7')), ['fasta'])
  t.match(await import_('-o', folder, '--layout', 'x'), { code: 2 })
  t.match(await import_('-o', folder, '--force'), { code: 2 })
  t.match(await import_('--archives', ''), { code: 2 })
  const target = join(top, 'archives-2')
  await import_('--archives', target)
  await writeFile(join(made.tagFolder('bwa_index'), `${T7}.fa.amb`), 'y')
  await runHere(['archive', 'create', '-c', made.config, '--force'])
  const other = join(top, 'other.bundle')
  await runHere(['bundle', 'create', 't7/bwa_index', '-c', made.config, '-o', other])
  const before = await treeOf(target)
  const command = ['bundle', 'import', other, '--archives', target]
  t.match(await runHere(command), { code: 1, stderr: /has another archive here/ })
  t.same(await treeOf(target), before)
  t.match(await runHere([...command, '--force']), { code: 0 })
})
