import { createHash } from 'node:crypto'
import {
  link,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readDatasets } from '../../src/datasets/dataset-list.ts'
import type { DatasetEvent, DatasetSummary } from '../../src/datasets/dataset-run.ts'
import { statusOf } from '../../src/datasets/dataset-status.ts'
import { downloadDatasets, inVersions } from '../../src/datasets/download-datasets.ts'
import { packageDatasets } from '../../src/datasets/package-datasets.ts'
import { uploadDatasets } from '../../src/datasets/upload-datasets.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { noise } from '../support/content-shapes.ts'
import { type DataFolder, dataFolder, filesBelow, ODD_FILES } from '../support/data-folder.ts'
import { run } from '../support/peers/run.ts'

const KIT = 'capturekit/agilent'
const REMOTE = 'capturekit/common/agilent'

/** The commands over a folder of data and a store, without the command line. */
async function tools(t: Test) {
  const made = await dataFolder(t)
  const to = await openWritableStore(made.place)
  const elsewhere = join(made.top, 'elsewhere')
  const watched = async (
    work: (onEvent: (event: DatasetEvent) => void) => Promise<DatasetSummary>,
  ) => {
    const events: DatasetEvent[] = []
    const summary = await work(event => events.push(event))
    const actions = events.flatMap(event => (event.event === 'done' ? [event.action] : []))
    return { ...summary, actions, events, messages: summary.failures.map(({ message }) => message) }
  }
  const list = () => readDatasets(made.list)
  return {
    ...made,
    to,
    elsewhere,
    package: async () => watched(async on => packageDatasets(made.data, await list(), on)),
    upload: async (writer = to.writer, store = to.store) =>
      watched(async on =>
        uploadDatasets(
          { data: made.data, to: { store, writer }, threads: 2 },
          await list(),
          on,
          async () => {},
        ),
      ),
    download: async (store: Store = to.store, versions: string[] = [], move?: typeof rename) =>
      watched(async on =>
        downloadDatasets(
          { data: elsewhere, store, threads: 2, ...(move && { move }) },
          await inVersions(store, await list(), versions),
          on,
        ),
      ),
    status: async (data = elsewhere, deep = true, store: Store | undefined = to.store) =>
      Promise.all(
        (await list()).map(one => statusOf({ data, deep, ...(store && { store }) }, one)),
      ),
  }
}

async function changed(made: DataFolder, version: string, content: Buffer | string) {
  await made.wants({ [KIT]: version })
  await made.put(KIT, { 'probes.bed': content })
}

t.test(
  'REGRESSION vcpipe-refdata: v1.0 becomes v1.1 with files and marker of the same size',
  async t => {
    const all = await tools(t)
    await changed(all, 'v1.0', 'AAAA')
    t.same((await all.package()).actions, ['packaged'])
    t.same((await all.upload()).actions, ['uploaded'])
    t.same((await all.download()).actions, ['downloaded'])
    const marker = join(all.folder(KIT), 'DATA_READY')
    const before = await readFile(marker)
    const { mtime } = await stat(join(all.folder(KIT), 'probes.bed'))
    await changed(all, 'v1.1', 'BBBB')
    // Not even the time tells.
    await utimes(join(all.folder(KIT), 'probes.bed'), mtime, mtime)
    t.match(await all.status(), [{ drift: true, local: 'other version', remote: 'missing' }])
    t.same((await all.package()).actions, ['packaged'])
    const after = await readFile(marker)
    t.equal(after.length, before.length, 'the marker has the same size')
    t.match(after.toString(), /^timestamp: \S+\nversion: 'v1\.1'\nfiles:\n/)
    t.same((await all.upload()).actions, ['uploaded'])
    t.same((await all.download()).actions, ['downloaded'])
    t.match(await all.status(), [
      { version: 'v1.1', wanted: 'v1.1', local: 'ready', remote: 'ready', drift: false },
    ])
    t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
    t.same((await all.download()).actions, ['current'])
    // The old version is still there.
    await changed(all, 'v1.0', 'AAAA')
    t.same((await all.download()).actions, ['downloaded'])
    t.equal(await readFile(join(all.folder(KIT, all.elsewhere), 'probes.bed'), 'utf8'), 'AAAA')
  },
)

t.test('a version is refreshed when only its number changes', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.package()
  await all.upload()
  await all.download()
  await all.wants({ [KIT]: 'v1.1' })
  t.same((await all.package()).actions, ['packaged'])
  await all.upload()
  const fetched = await all.download()
  t.match(fetched, { actions: ['downloaded'], bytes: 0 }, 'the files are there already')
  t.match(await all.status(), [{ drift: false }])
})

t.test('packaging marks what is complete, and leaves alone what is unchanged', async t => {
  const all = await tools(t)
  await all.wants({ [KIT]: 'v1.0', 'mutect2/pon': '1' })
  await all.put(KIT, ODD_FILES)
  const first = await all.package()
  t.same(first.actions, ['packaged'])
  t.match(first.messages, [/^mutect2\/common\/pon 1: .*mutect2\/common\/pon: it is not there$/])
  const marker = join(all.folder(KIT), 'DATA_READY')
  const text = await readFile(marker, 'utf8')
  t.match(text, new RegExp(createHash('md5').update('1\t100\t200\n').digest('hex')))
  t.match(text, /"path":"run\.sh".*"executable":true/)
  t.same((await all.package()).actions, ['unchanged'])
  t.equal(await readFile(marker, 'utf8'), text)
  await writeFile(join(all.folder(KIT), 'block.bin'), noise(65_281).subarray(1))
  t.same((await all.package()).actions, ['packaged'], 'other bytes of the same size')
  await writeFile(marker, "timestamp: 2020\nversion: 'v1.0'\n")
  t.same((await all.package()).actions, ['packaged'], 'a marker of vcpipe-refdata')
  await writeFile(marker, 'a: [')
  t.same((await all.package()).actions, ['packaged'], 'a marker that is none')
  // Left behind by a run that was killed.
  await writeFile(`${marker}.123.0a1b.part`, 'x')
  t.same((await all.package()).actions, ['unchanged'])
  await mkdir(all.folder('mutect2/pon'), { recursive: true })
  t.match((await all.package()).messages, [/pon has no files$/])
})

t.test('links, devices and odd names are refused by name', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'x')
  const at = (name: string) => join(all.folder(KIT), name)
  await writeFile(join(all.top, 'secret'), 'secret')
  const refused = async (name: string, message: RegExp) => {
    t.match((await all.package()).messages, [message], name)
    await rm(at(name), { recursive: true, force: true })
  }
  await symlink('../../../../secret', at('out'))
  await refused('out', /out: it is a link that leads out \(.*secret\); put the file itself/)
  await symlink('/etc', at('etc'))
  await refused('etc', /it is a link that leads out/)
  await symlink('nothing', at('dangling'))
  await refused('dangling', /it is a link that leads nowhere; remove it/)
  await symlink('.', at('loop'))
  await refused('loop', /it is a link to a folder/)
  await run('mkfifo', [at('pipe')])
  await refused('pipe', /it is a device, socket or pipe/)
  await writeFile(at('a\nb'), 'x')
  await refused('a\nb', /it has a control character/)
  await symlink(join(all.top, 'secret'), at('DATA_READY'))
  await refused('DATA_READY', /DATA_READY is no plain file; remove it/)
  t.equal(await readFile(join(all.top, 'secret'), 'utf8'), 'secret')
  // A link within the dataset is the file it leads to.
  await symlink('probes.bed', at('alias.bed'))
  await link(at('probes.bed'), at('hard.bed'))
  t.same((await all.package()).actions, ['packaged'])
  await all.upload()
  t.same((await all.download()).actions, ['downloaded'])
  t.strictSame(Object.keys(await filesBelow(all.folder(KIT, all.elsewhere))).sort(), [
    'DATA_READY',
    'alias.bed',
    'hard.bed',
    'probes.bed',
  ])
})

t.test('uploading sends what is missing, once, and refuses what is not packaged', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.put(KIT, ODD_FILES)
  const message = (text: RegExp) => async (name: string) =>
    t.match((await all.upload()).messages, [text], name)
  await message(/v1\.0: it is not packaged; run `refdepot dataset package`$/)('no marker')
  await all.package()
  await all.wants({ [KIT]: 'v1.1' })
  await message(/its DATA_READY is that of v1\.0; run `refdepot dataset package`$/)('stale')
  await all.wants({ [KIT]: 'v1.0' })
  const first = await all.upload()
  t.same(first.actions, ['uploaded'])
  t.match(await all.upload(), { actions: ['present'], bytes: 0 })
  const files = await filesBelow(join(all.place, REMOTE, 'v1.0'))
  t.strictSame(files, await filesBelow(all.folder(KIT)))
  // An object that is lost is sent again; nothing else is.
  await unlink(join(all.place, REMOTE, 'v1.0/run.sh'))
  t.match(await all.upload(), { actions: ['uploaded'], bytes: ODD_FILES['run.sh']?.length })
  // Files that differ from the marker.
  await all.put(KIT, { 'probes.bed': 'BBBB' })
  const damaged = await all.upload()
  t.match(damaged.failures, [{ code: 'dataset-damaged' }])
  t.match(damaged.messages, [/files differ from its DATA_READY: probes\.bed; restore them, or/])
  // The same version with other content.
  await all.package()
  const refused = await all.upload()
  t.match(refused.failures, [{ code: 'dataset-refused' }])
  t.match(refused.messages, [
    /the store has this version with other content \(probes\.bed\), and versions never change; give it a new version/,
  ])
  t.strictSame(await filesBelow(join(all.place, REMOTE, 'v1.0')), files)
})

t.test('an upload that was broken off goes on, and is not to be seen before', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.put(KIT, { 'a.bin': noise(300_000), 'b.bin': noise(300_000), 'c/d': '' })
  await all.package()
  const broken = {
    ...all.to.writer,
    put: all.to.writer.put.bind(all.to.writer),
    upload: (...args: Parameters<typeof all.to.writer.upload>) => {
      if (args[0].endsWith('b.bin')) throw new Error('the network is down')
      return all.to.writer.upload(...args)
    },
  }
  await t.rejects(all.upload(broken), { message: 'the network is down' })
  t.match((await all.download()).messages, [
    /it is incomplete or not there: the store has no .*DATA_READY/,
  ])
  // Of the same size, but another file: it is found out by its digest.
  await writeFile(join(all.place, REMOTE, 'v1.0/a.bin'), noise(300_001).subarray(1))
  const rest = await all.upload()
  t.same(rest.actions, ['uploaded'])
  t.ok(rest.bytes > 600_000)
  t.same((await all.download()).actions, ['downloaded'])
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
})

t.test(
  'who is quicker with the same content is not overtaken; with other content it is told',
  async t => {
    const all = await tools(t)
    await changed(all, 'v1.0', 'AAAA')
    await all.package()
    const marker = join(all.place, REMOTE, 'v1.0/DATA_READY')
    const own = await readFile(join(all.folder(KIT), 'DATA_READY'), 'utf8')
    const racing = (text: string) => ({
      upload: all.to.writer.upload.bind(all.to.writer),
      put: async (...args: Parameters<typeof all.to.writer.put>) => {
        await writeFile(marker, text)
        return all.to.writer.put(...args)
      },
    })
    const same = await all.upload(racing(own.replace(/^timestamp: \S+/, 'timestamp: 2020-01-01')))
    t.same(same.actions, ['uploaded'])
    t.match(await readFile(marker, 'utf8'), /^timestamp: 2020-01-01/)
    await rm(marker)
    const other = await all.upload(
      racing(own.replace(/"sha256":"./, match => `"sha256":"${match.endsWith('0') ? 1 : 0}`)),
    )
    t.match(other.actions.length + other.failures.length, 1)
  },
)

t.test(
  'a dataset of vcpipe-refdata in a store is completed when its objects are the same',
  async t => {
    const all = await tools(t)
    await changed(all, 'v1.0', 'AAAA')
    await all.package()
    await all.upload()
    const folder = join(all.place, REMOTE, 'v1.0')
    await writeFile(join(folder, 'DATA_READY'), "timestamp: 2020\nversion: 'v1.0'\n")
    t.match(await all.status(all.data), [{ remote: 'no digests', drift: true }])
    t.match((await all.download()).messages, [/names no digests \(vcpipe-refdata wrote it\)/])
    await writeFile(join(folder, 'probes.bed'), 'BBBB')
    t.match((await all.upload()).messages, [/other content \(probes\.bed\)/])
    await writeFile(join(folder, 'probes.bed'), 'AAAA')
    t.same((await all.upload()).actions, ['uploaded'])
    t.match(await all.status(all.data), [{ remote: 'ready', drift: false }])
  },
)

t.test('downloading fetches what is missing or different, by digest', async t => {
  const all = await tools(t)
  await all.wants({ [KIT]: 'v1.0' })
  await all.put(KIT, ODD_FILES)
  await all.package()
  await all.upload()
  await all.download()
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
  const here = (name: string) => join(all.folder(KIT, all.elsewhere), name)
  t.ok(((await stat(here('run.sh'))).mode & 0o111) !== 0)
  const bytes = async () => (await all.download()).bytes
  await writeFile(here('block.bin'), noise(65_281).subarray(1))
  t.equal(await bytes(), 65_280, 'another file of the same size')
  await rm(here('GRCh37'), { recursive: true })
  t.equal(await bytes(), 2_500_000 + 10)
  await rename(here('block.bin'), here('contigs.fa'))
  t.equal(
    await bytes(),
    ODD_FILES['contigs.fa']?.length,
    'what is there under another name is kept',
  )
  await rm(here('DATA_READY'))
  t.equal(await bytes(), 0)
  await writeFile(here('DATA_READY'), 'a: [')
  t.equal(await bytes(), 0)
  await writeFile(here('mine.txt'), 'x')
  await writeFile(here('run.sh'), 'y')
  const refused = await all.download()
  t.match(refused.messages, [/has files that are not part of it: mine\.txt; move them elsewhere/])
  t.equal(await readFile(here('run.sh'), 'utf8'), 'y', 'nothing was changed')
  await rm(here('mine.txt'))
  t.equal(await bytes(), 10)
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
})

t.test('a mode that changes does not touch the old version', async t => {
  const all = await tools(t)
  await all.wants({ [KIT]: 'v1.0' })
  await all.put(KIT, { 'tool.sh': 'x', 'tool.txt': 'y' })
  await all.package()
  await all.upload()
  await all.download()
  const tool = join(all.folder(KIT, all.elsewhere), 'tool.sh')
  await run('chmod', ['-x', tool])
  await rm(join(all.folder(KIT, all.elsewhere), 'DATA_READY'))
  t.match(await all.download(), { bytes: 0, actions: ['downloaded'] })
  t.ok(((await stat(tool)).mode & 0o111) !== 0)
})

t.test('damage in the store never reaches the data, and the old version stays', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.package()
  await all.upload()
  await all.download()
  const before = await filesBelow(all.elsewhere)
  await changed(all, 'v1.1', 'BBBB')
  await all.put(KIT, { 'more/noise.bin': noise(2_000_000), empty: '' })
  await all.package()
  await all.upload()
  const object = join(all.place, REMOTE, 'v1.1/more/noise.bin')
  const good = await readFile(object)
  const damage: Record<string, () => Promise<void>> = {
    'more/noise.bin is damaged: it is not the file': async () => {
      const bad = Buffer.from(good)
      bad[1_999_999] = (bad[1_999_999] as number) ^ 1
      await writeFile(object, bad)
    },
    'it has another size': () => truncate(object, 1_999_999),
    'it is missing': () => rm(object),
  }
  for (const [message, make] of Object.entries(damage)) {
    await make()
    const failed = await all.download()
    t.match(failed.failures, [{ code: 'dataset-damaged' }], message)
    t.match(failed.messages, [new RegExp(message)])
    t.strictSame(await filesBelow(all.elsewhere), before, 'the old version is untouched')
  }
  await writeFile(object, good)
  const healed = await all.download()
  t.match(
    healed,
    { actions: ['downloaded'], bytes: 2_000_000 },
    'what was fetched is not fetched again',
  )
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
})

t.test('what another run has fetched is believed by digest only', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.put(KIT, { two: '2222' })
  await all.package()
  await all.upload()
  const staged = join(all.elsewhere, '.refdepot/incoming', REMOTE, 'v1.0')
  await mkdir(staged, { recursive: true })
  await writeFile(join(staged, 'probes.bed'), 'XXXX')
  await writeFile(join(staged, 'strange'), 'x')
  await writeFile(join(staged, 'two'), '2222')
  await writeFile(join(staged, 'DATA_READY'), 'x')
  t.match(await all.download(), { actions: ['downloaded'], bytes: 4 })
  t.strictSame(await filesBelow(all.elsewhere), await filesBelow(all.data))
})

t.test('a swap that fails leaves the old version, and the next run goes on', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.package()
  await all.upload()
  await all.download()
  const before = await filesBelow(all.elsewhere)
  await changed(all, 'v1.1', 'BBBB')
  await all.package()
  await all.upload()
  const failing: typeof rename = async (from, to) => {
    if (String(from).includes('incoming')) throw new Error('no luck')
    await rename(from, to)
  }
  const failed = await all.download(undefined, [], failing)
  t.match(failed.failures, [{ code: 'storage-write-failed' }])
  t.strictSame(await filesBelow(all.elsewhere), before)
  t.match(await all.download(), { actions: ['downloaded'], bytes: 0 })
})

t.test('versions can be asked for', async t => {
  const all = await tools(t)
  await all.wants({ [KIT]: 'v1', 'mutect2/pon': 'w1' })
  await all.put(KIT, { a: '1' })
  await all.put('mutect2/pon', { a: '1' })
  await all.package()
  await all.upload()
  await all.wants({ [KIT]: 'v2', 'mutect2/pon': 'w1' })
  await all.package()
  await all.upload()
  const versions = async (...asked: string[]) =>
    (await inVersions(all.to.store, await readDatasets(all.list), asked)).map(d => d.version)
  t.same(await versions(), ['v2', 'w1'])
  t.same(await versions('v1'), ['v1', 'v1'])
  t.same(await versions('v1', 'w1', 'w1'), ['v1', 'w1'], 'the one that is there')
  await t.rejects(versions('v1', 'v2'), {
    code: 'setting-invalid',
    message: /give one version of capturekit\/common\/agilent: the store has v1 and v2/,
  })
  await t.rejects(versions('../x'), { code: 'setting-invalid' })
  const some = await all.download(undefined, ['w1'])
  t.same(some.actions, ['downloaded'])
  t.match(some.failures, [{ code: 'dataset-missing' }])
})

t.test('the status tells every state apart', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  const status = async (deep = false, store: Store | undefined = all.to.store) =>
    (await all.status(all.data, deep, store))[0]
  t.match(await status(), { version: '', local: 'not packaged', remote: 'missing', drift: true })
  t.match(await all.status(), [{ local: 'missing', remote: 'missing', drift: true }])
  await all.package()
  t.match(await status(), { version: 'v1.0', local: 'ready', remote: 'missing', drift: true })
  await all.upload()
  t.match(await status(true), { local: 'ready', remote: 'ready', drift: false })
  await all.put(KIT, { 'probes.bed': 'BBBB' })
  t.match(await status(), { local: 'ready', drift: false }, 'sizes are the same')
  t.match(await status(true), { local: 'changed', drift: true })
  await all.package()
  t.match(await status(), { local: 'ready', remote: 'differs', drift: true })
  await all.put(KIT, { more: 'x' })
  t.match(await status(), { local: 'changed', drift: true })
  const marker = (folder: string) => join(folder, 'DATA_READY')
  await writeFile(marker(all.folder(KIT)), "timestamp: 2020\nversion: 'v1.0'\n")
  t.match(await status(), { version: 'v1.0', local: 'not packaged' })
  t.match((await all.upload()).messages, [/its DATA_READY names no digests; run/])
  await writeFile(marker(all.folder(KIT)), 'a: [')
  await writeFile(marker(join(all.place, REMOTE, 'v1.0')), 'a: [')
  t.match(await status(), { local: 'damaged', remote: 'damaged', drift: true })
  await writeFile(marker(join(all.place, REMOTE, 'v1.0')), "timestamp: 2020\nversion: 'v2'\n")
  t.match((await all.download()).messages, [/the DATA_READY in the store is that of v2/])
  const failing = {
    ...all.to.store,
    open: async () => {
      throw new Error('down')
    },
  }
  await t.rejects(status(false, failing as never), { message: 'down' })
  const [alone] = await all.status(all.data, false, null as never)
  t.match(alone, { remote: 'not asked' })
})

t.test('what cannot be read or written is told with its name', async t => {
  const all = await tools(t)
  await changed(all, 'v1.0', 'AAAA')
  await all.package()
  await all.upload()
  // A folder where the marker should be.
  await rm(join(all.folder(KIT), 'DATA_READY'))
  await mkdir(join(all.folder(KIT), 'DATA_READY'))
  t.match((await all.package()).messages, [/DATA_READY is no plain file/])
  t.match((await all.upload()).messages, [/its DATA_READY cannot be read: EISDIR/])
  // A file where the folder of all data should be.
  await writeFile(all.elsewhere, 'x')
  await t.rejects(all.download(), { code: 'storage-write-failed' })
  await rm(all.elsewhere)
  await mkdir(join(all.elsewhere, 'capturekit'), { recursive: true })
  await writeFile(join(all.elsewhere, 'capturekit/common'), 'x')
  t.match((await all.download()).messages, [/ENOTDIR|cannot write/])
})
