import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { extract, type Header, pack } from 'tar-stream'
import { changingData, healData } from '../../src/datasets/data-folder.ts'
import { readDatasets } from '../../src/datasets/dataset-list.ts'
import { exportBundle } from '../../src/datasets/export-bundle.ts'
import { importBundle } from '../../src/datasets/import-bundle.ts'
import { packageDatasets } from '../../src/datasets/package-datasets.ts'
import { isSwapping } from '../../src/datasets/swap-folders.ts'
import { noise } from '../support/content-shapes.ts'
import { dataFolder, filesBelow, ODD_FILES } from '../support/data-folder.ts'

const KIT = 'capturekit/agilent'
const PON = 'mutect2/pon'

/** Two datasets in a bundle, and other versions of them in another folder of data. */
async function bundled(t: Test) {
  const made = await dataFolder(t)
  const bundle = join(made.top, 'bundle.tar')
  const elsewhere = join(made.top, 'elsewhere')
  const repack = async (data: string) =>
    packageDatasets(data, await readDatasets(made.list), () => {})
  const exporting = async (file = bundle) =>
    exportBundle(made.data, await readDatasets(made.list), file)
  const importing = (move?: typeof rename) =>
    importBundle({ data: elsewhere, file: bundle, ...(move && { move }) })
  /** What was there before an import. */
  const old = async () => {
    await rm(elsewhere, { recursive: true, force: true })
    await made.wants({ [KIT]: 'v0.9', [PON]: '0' })
    await made.put(KIT, { 'old.bed': 'old' }, elsewhere)
    await made.put(PON, { 'old.vcf': 'old' }, elsewhere)
    await repack(elsewhere)
    return filesBelow(elsewhere)
  }
  await made.wants({ [KIT]: 'v1.0', [PON]: '1' })
  await made.put(KIT, ODD_FILES)
  await made.put(PON, { 'x.vcf': noise(70_000) })
  await repack(made.data)
  return { ...made, bundle, elsewhere, repack, exporting, importing, old }
}

t.test('datasets travel in one tar, and arrive as they were', async t => {
  const all = await bundled(t)
  t.match(await all.exporting(), { datasets: 2 })
  t.match(await all.importing(), [{ kind: 'agilent' }, { kind: 'pon' }])
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
  const first = await readFile(all.bundle)
  await all.exporting()
  t.ok(first.equals(await readFile(all.bundle)), 'the same datasets are the same bundle')
  await all.importing()
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data), 'again')
  t.same(
    (await readdir(join(all.elsewhere, '.refdepot'))).filter(name => name !== 'parts'),
    [],
    'nothing is left behind',
  )
})

t.test('what is not packaged or was changed is in no bundle', async t => {
  const all = await bundled(t)
  const nothing = async () =>
    t.same(
      (await readdir(all.top)).filter(name => /bundle/.test(name)),
      [],
    )
  await all.put(PON, { 'x.vcf': noise(70_001).subarray(1) })
  await t.rejects(all.exporting(), { code: 'dataset-damaged' })
  await nothing()
  await all.wants({ [KIT]: 'v1.1' })
  await t.rejects(all.exporting(), {
    code: 'dataset-refused',
    message: /run `refdepot dataset pack/,
  })
  await nothing()
  await all.wants({ [KIT]: 'v1.0' })
  await t.rejects(all.exporting(join(all.top, 'none/bundle.tar')), { code: 'storage-write-failed' })
})

t.test('an import that fails at any rename takes everything back', async t => {
  const all = await bundled(t)
  await all.exporting()
  const before = await all.old()
  for (let fails = 0; fails < 4; fails += 1) {
    let moves = 0
    const failing: typeof rename = async (from, to) => {
      moves += 1
      if (moves === fails + 1) throw new Error('no luck')
      await rename(from, to)
    }
    await t.rejects(all.importing(failing), { code: 'storage-write-failed' })
    t.strictSame(await filesBelow(all.elsewhere), before, `rename ${fails}`)
    t.notOk(await isSwapping(all.elsewhere))
  }
})

t.test('an import that is killed at any rename is carried out by whoever comes next', async t => {
  const all = await bundled(t)
  await all.exporting()
  const wanted = await filesBelow(all.data)
  for (let last = 0; last < 4; last += 1) {
    await all.old()
    const args = ['test/support/import-and-die.ts', all.elsewhere, all.bundle, String(last)]
    const child = spawn(process.execPath, [...process.execArgv, ...args], { stdio: 'inherit' })
    const [, signal] = await once(child, 'exit')
    t.equal(signal, 'SIGKILL')
    t.ok(await isSwapping(all.elsewhere))
    await healData(all.elsewhere)
    t.notOk(await isSwapping(all.elsewhere))
    t.strictSame(await filesBelow(all.elsewhere), wanted, `rename ${last}`)
    t.same(await readdir(join(all.elsewhere, '.refdepot')), [], 'nothing is left behind')
  }
})

t.test('when nothing can be taken back either, nothing is lost', async t => {
  const all = await bundled(t)
  await all.exporting()
  const wanted = await filesBelow(all.data)
  for (let last = 1; last < 4; last += 1) {
    await all.old()
    let moves = 0
    const dying: typeof rename = async (from, to) => {
      moves += 1
      if (moves > last) throw new Error('no luck')
      await rename(from, to)
    }
    await t.rejects(all.importing(dying), { message: /no luck/ })
    t.ok(await isSwapping(all.elsewhere))
    await all.importing()
    t.strictSame(await filesBelow(all.elsewhere), wanted, `rename ${last}`)
  }
})

t.test('strange files in the way end an import before anything is changed', async t => {
  const all = await bundled(t)
  await all.exporting()
  await all.old()
  await all.put(PON, { 'mine.txt': 'x' }, all.elsewhere)
  const before = await filesBelow(all.elsewhere)
  await t.rejects(all.importing(), {
    code: 'dataset-refused',
    message: /not part of it: mine\.txt/,
  })
  t.strictSame(await filesBelow(all.elsewhere), before)
})

interface Entry {
  header: Partial<Header> & { name: string }
  content: Buffer
}

/** Writes the bundle anew, with its entries changed. */
async function forged(bundle: string, change: (entries: Entry[]) => unknown) {
  const tar = extract()
  createReadStream(bundle).pipe(tar)
  const entries: Entry[] = []
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const { name, type, mode } = entry.header
    entries.push({
      header: { name, type, mode } as Entry['header'],
      content: Buffer.concat(chunks),
    })
  }
  const out = pack()
  const answer = change(entries)
  const changed = Array.isArray(answer) ? (answer as Entry[]) : entries
  for (const { header, content } of changed) out.entry({ ...header, size: content.length }, content)
  out.finalize()
  await pipeline(out, createWriteStream(bundle))
}

const manifest = (entries: Entry[], change: (text: string) => string): void => {
  const [first] = entries as [Entry]
  first.content = Buffer.from(change(first.content.toString()))
}

t.test('a forged bundle is refused, and nothing is changed', async t => {
  const all = await bundled(t)
  await all.exporting()
  const good = await readFile(all.bundle)
  const before = await all.old()
  const run = (entries: Entry[]) => entries.find(e => e.header.name.endsWith('run.sh')) as Entry
  const cases: Record<string, [(entries: Entry[]) => unknown, RegExp]> = {
    'a byte differs': [
      entries => {
        run(entries).content[0] = 0
      },
      /run\.sh is damaged: it is not the file of the digest/,
    ],
    'a longer file': [
      entries => {
        run(entries).content = Buffer.from('longer than it was')
      },
      /run\.sh" has another size than named/,
    ],
    'a file is missing': [
      entries => entries.filter(e => e !== run(entries)),
      /it is not whole: .*run\.sh is missing/,
    ],
    'a file is there twice': [
      entries => [...entries, run(entries)],
      /is there twice, or not in its manifest/,
    ],
    'a file that is not named': [
      entries => [...entries, { header: { name: 'x' } as Header, content: Buffer.from('x') }],
      /"x" is there twice, or not in its manifest/,
    ],
    'a path that leads out': [
      entries => [
        ...entries,
        { header: { name: '../../evil' } as Header, content: Buffer.from('x') },
      ],
      /evil" is there twice, or not in its manifest/,
    ],
    'a link': [
      entries => {
        const { header } = run(entries)
        Object.assign(header, { type: 'symlink', linkname: '/etc/passwd' })
        run(entries).content = Buffer.alloc(0)
      },
      /run\.sh" is no plain file but a symlink/,
    ],
    'a hard link': [
      entries => {
        Object.assign(run(entries).header, { type: 'link', linkname: 'x' })
        run(entries).content = Buffer.alloc(0)
      },
      /is no plain file but a link/,
    ],
    'a device': [
      entries => {
        Object.assign(run(entries).header, { type: 'character-device' })
        run(entries).content = Buffer.alloc(0)
      },
      /is no plain file but a character-device/,
    ],
    'no manifest': [entries => entries.slice(1), /does not begin with refdepot-datasets\.json/],
    'no entries': [() => [], /it has no entries/],
    'a manifest that is no JSON': [
      entries => manifest(entries, () => '{'),
      /refdepot-datasets\.json is not JSON/,
    ],
    'a manifest of another format': [
      entries => manifest(entries, text => text.replace('"version":1', '"version":2')),
      /is not as it should be at '\/version'/,
    ],
    'a dataset that leads out': [
      entries => manifest(entries, text => text.replace('"nature":"mutect2"', '"nature":".."')),
      /is not as it should be at '\/datasets\/1\/nature'/,
    ],
    'a file that leads out': [
      entries =>
        manifest(entries, text => text.replace('"path":"run.sh"', '"path":"../../run.sh"')),
      /"\.\.\/\.\.\/run\.sh": it is no path below/,
    ],
    'a file named twice': [
      entries => manifest(entries, text => text.replace('"path":"empty"', '"path":"run.sh"')),
      /"run\.sh": it is there twice/,
    ],
    'a dataset named twice': [
      entries =>
        manifest(entries, text =>
          text.replace('"nature":"mutect2"', '"nature":"capturekit"').replace('"pon"', '"agilent"'),
        ),
      /capturekit\/common\/agilent is in it twice/,
    ],
    'no marker': [
      entries => manifest(entries, text => text.replace('"DATA_READY"', '"OTHER"')),
      /no DATA_READY/,
    ],
    'two markers': [
      entries => manifest(entries, text => text.replace('"path":"empty"', '"path":"DATA_READY"')),
      /DATA_READY is there twice/,
    ],
    'a marker of other files': [
      entries => {
        const marker = entries.find(e => e.header.name.endsWith('pon/1/DATA_READY')) as Entry
        const text = marker.content.toString()
        const other = text.replace(/"md5":"./, match => `"md5":"${match.endsWith('0') ? 1 : 0}`)
        const sha = (s: string | Buffer) => createHash('sha256').update(s).digest('hex')
        manifest(entries, own => own.replace(sha(text), sha(other)))
        marker.content = Buffer.from(other)
      },
      /the files of the bundle are not those of its DATA_READY/,
    ],
  }
  for (const [name, [change, message]] of Object.entries(cases)) {
    await writeFile(all.bundle, good)
    await forged(all.bundle, change)
    await t.rejects(all.importing(), { message }, name)
    t.strictSame(await filesBelow(all.elsewhere), before, name)
  }
})

t.test('a bundle that is cut off, no tar, or full of headers is refused', async t => {
  const all = await bundled(t)
  await all.exporting()
  const before = await all.old()
  const { length } = await readFile(all.bundle)
  await truncate(all.bundle, length - 60_000)
  await t.rejects(all.importing(), { code: 'storage-failed' })
  await truncate(all.bundle, 700)
  await t.rejects(all.importing(), { code: 'storage-failed' })
  await writeFile(all.bundle, noise(100_000))
  await t.rejects(all.importing(), { code: 'storage-failed' })
  // A header that promises gigabytes of a name is not kept in memory.
  const out = pack()
  out.entry({ name: 'x', pax: { comment: 'x'.repeat(3_000_000) } }, '')
  out.finalize()
  await pipeline(out, createWriteStream(all.bundle))
  await t.rejects(all.importing(), { message: /it has more bytes than its entries/ })
  await rm(all.bundle)
  await t.rejects(all.importing(), { code: 'storage-failed', message: /ENOENT/ })
  t.strictSame(await filesBelow(all.elsewhere), before)
})

t.test('one run at a time changes the data', async t => {
  const all = await bundled(t)
  const order: string[] = []
  await mkdir(all.elsewhere)
  const slow = changingData(all.elsewhere, async () => {
    order.push('begin')
    await new Promise(done => setTimeout(done, 30))
    order.push('end')
  })
  const next = changingData(all.elsewhere, async () => {
    order.push('next')
  })
  await Promise.all([slow, next])
  t.same(order, ['begin', 'end', 'next'])
  await healData(join(all.top, 'nothing'))
})
