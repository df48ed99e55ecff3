/** Files that change at the wrong moment: nothing of them becomes visible. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readDatasets } from '../../src/datasets/dataset-list.ts'
import type { DatasetEvent } from '../../src/datasets/dataset-run.ts'
import { downloadDatasets } from '../../src/datasets/download-datasets.ts'
import { exportBundle } from '../../src/datasets/export-bundle.ts'
import { packageDatasets } from '../../src/datasets/package-datasets.ts'
import { indexDataset } from '../../src/datasets/publish-datasets.ts'
import { type UploadedDataset, uploadDatasets } from '../../src/datasets/upload-datasets.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import type { StoreWriter } from '../../src/storage/store-writer.ts'
import { noise } from '../support/content-shapes.ts'
import { dataFolder, filesBelow } from '../support/data-folder.ts'

const KIT = 'capturekit/agilent'

async function packaged(t: Test) {
  const made = await dataFolder(t)
  await made.wants({ [KIT]: 'v1.0' })
  await made.put(KIT, { 'a.bin': noise(100_000) })
  const list = await readDatasets(made.list)
  const at = (name: string) => join(made.folder(KIT), name)
  const pack = (onEvent: (event: DatasetEvent) => void = () => {}) =>
    packageDatasets(made.data, list, onEvent)
  await pack()
  const to = await openWritableStore(made.place)
  const { store, writer } = to
  const upload = (
    changed: Partial<StoreWriter> = {},
    onUploaded: (uploaded: UploadedDataset) => Promise<void> = async () => {},
  ) => {
    const own: StoreWriter = {
      put: writer.put.bind(writer),
      upload: writer.upload.bind(writer),
      ...changed,
    }
    const order = { data: made.data, to: { store, writer: own }, threads: 1 }
    return uploadDatasets(order, list, () => {}, onUploaded)
  }
  const visible = () => store.identify('capturekit/common/agilent/v1.0/DATA_READY')
  return { ...made, list, at, pack, to, store, writer, upload, visible }
}

t.test('a file that changes while it is packaged is not marked', async t => {
  const { pack, at } = await packaged(t)
  const before = await readFile(at('DATA_READY'))
  await writeFile(at('b.txt'), 'new')
  const grown = await pack(event => {
    if (event.event === 'begin') appendFileSync(at('a.bin'), 'x')
  })
  t.match(grown.failures, [
    { code: 'dataset-refused', message: /a\.bin: it changed while it was read/ },
  ])
  t.same(await readFile(at('DATA_READY')), before)
  let told = false
  const added = await pack(event => {
    if (event.event === 'progress' && !told) {
      told = true
      writeFileSync(at('c.txt'), 'late')
    }
  })
  t.match(added.failures, [{ message: /agilent changed meanwhile; try again when it is complete/ }])
})

t.test('a file that changes while it is uploaded is refused, and nothing is visible', async t => {
  const { at, upload, visible, writer } = await packaged(t)
  const other = await upload({
    upload: async (...args) => {
      await writeFile(at('a.bin'), noise(100_001).subarray(1))
      return writer.upload(...args)
    },
  })
  t.match(other.failures, [
    { code: 'dataset-damaged', message: /a\.bin changed while it was uploaded/ },
  ])
  t.equal(await visible(), undefined)
})

t.test('a file that changes before its index is made is in no catalogue', async t => {
  const { at, upload, store, to, place } = await packaged(t)
  const summary = await upload({}, async uploaded => {
    await writeFile(at('a.bin'), noise(100_001).subarray(1))
    const stats = await stat(at('a.bin'), { bigint: true })
    const files = uploaded.files.map(file => ({ ...file, modifiedNs: stats.mtimeNs }))
    await indexDataset({ ...to, place }, { ...uploaded, files })
  })
  t.match(summary.failures, [{ message: /its files changed while it was uploaded/ }])
  t.same(await store.list('archives'), [])
})

t.test('a marker that is no marker by its size is not read', async t => {
  const { upload, place, data, list, store } = await packaged(t)
  await upload()
  await truncate(join(place, 'capturekit/common/agilent/v1.0/DATA_READY'), 65 * 1024 * 1024)
  const order = { data, store, threads: 1 }
  const { failures } = await downloadDatasets(order, list, () => {})
  t.match(failures, [{ code: 'dataset-damaged', message: /too large to be one/ }])
})

t.test('a journal that cannot be written leaves everything as it was', async t => {
  const { upload, top, list, store, data } = await packaged(t)
  await upload()
  const elsewhere = join(top, 'elsewhere')
  await mkdir(join(elsewhere, '.refdepot/swaps.json/in the way'), { recursive: true })
  const order = { data: elsewhere, store, threads: 1 }
  const { failures } = await downloadDatasets(order, list, () => {})
  t.match(failures, [{ code: 'storage-write-failed' }])
  t.same(await filesBelow(elsewhere), {})
  t.ok(Object.keys(await filesBelow(data)).length > 0)
})

t.test('a bundle of a folder that cannot be written is told', async t => {
  const { data, list } = await packaged(t)
  await t.rejects(exportBundle(data, list, '/proc/none/x.tar'), { code: 'storage-write-failed' })
})
