/** Small folders of datasets beside a `datasets.json`, for tests. */
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { PushStore } from '../../src/archive/publish-generation.ts'
import { readDatasets } from '../../src/datasets/dataset-list.ts'
import type { DatasetEvent } from '../../src/datasets/dataset-run.ts'
import { packageDatasets } from '../../src/datasets/package-datasets.ts'
import {
  type IndexedDataset,
  indexDataset,
  publishDatasets,
} from '../../src/datasets/publish-datasets.ts'
import { uploadDatasets } from '../../src/datasets/upload-datasets.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { noise, plainFasta } from './content-shapes.ts'
import { folderRemovedLast } from './test-folder.ts'

/** Content of files by path. */
export type Files = Readonly<Record<string, Buffer | string>>

/** Everything that an archive can hold: more than a block, more than a read, nothing, folders, odd and long names. */
export const ODD_FILES: Files = {
  'GRCh37/targets.bed': '1\t100\t200\n',
  'GRCh37/deep/er/noise.bin': noise(2_500_000),
  'block.bin': noise(65_280),
  'block and one.bin': noise(65_281),
  'contigs.fa': plainFasta(150_000),
  empty: '',
  'run.sh': '#!/bin/sh\n',
  'Größe 名前 🧬.txt': 'unicode\n',
  [`${'long/'.repeat(30)}${'n'.repeat(120)}.txt`]: 'long\n',
}

/** A folder of data with its list. */
export interface DataFolder {
  readonly top: string
  readonly data: string
  readonly list: string
  /** Folder of a store that nothing is in yet. */
  readonly place: string
  /** Writes `datasets.json` anew, of `nature/kind` → version. */
  wants(versions: Readonly<Record<string, string>>): Promise<void>
  /** Writes files of `nature/kind`; others stay. */
  put(name: string, files: Files, data?: string): Promise<void>
  /** Folder of `nature/kind`. */
  folder(name: string, data?: string): string
}

/** Makes a folder in which nothing is yet. */
export async function dataFolder(t: Test): Promise<DataFolder> {
  const top = folderRemovedLast(t, { data: {} })
  const data = join(top, 'data')
  const list = join(top, 'datasets.json')
  const folder = (name: string, below = data) => join(below, name.replace('/', '/common/'))
  return {
    top,
    data,
    list,
    place: join(top, 'store'),
    folder,
    wants: async versions => {
      const natures: Record<string, { kinds: Record<string, { version: string }> }> = {}
      for (const [name, version] of Object.entries(versions)) {
        const [nature = '', kind = ''] = name.split('/')
        natures[nature] ??= { kinds: {} }
        natures[nature].kinds[kind] = { version }
      }
      await writeFile(list, JSON.stringify(natures, null, 2))
    },
    put: async (name, files, below) => {
      for (const [path, content] of Object.entries(files)) {
        const file = join(folder(name, below), path)
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, content)
        if (path.endsWith('.sh')) await chmod(file, 0o755)
      }
    },
  }
}

/** The files below a folder by path with their digests, without what refdepot keeps for itself. */
export async function filesBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: Record<string, string> = {}
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1)
    if (!path.startsWith('.refdepot/')) {
      const content = await readFile(join(entry.parentPath, entry.name))
      files[path] = createHash('sha256').update(content).digest('hex')
    }
  }
  return files
}

/** Packages and uploads what the list names, and publishes it; answers what happened. */
export async function uploaded({ data, list, place }: DataFolder) {
  const events: DatasetEvent[] = []
  const datasets = await readDatasets(list)
  await packageDatasets(data, datasets, () => {})
  const to: PushStore = { place, ...(await openWritableStore(place)) }
  const indexed: IndexedDataset[] = []
  const summary = await uploadDatasets(
    { data, to, threads: 3 },
    datasets,
    event => events.push(event),
    async one => {
      indexed.push(await indexDataset(to, one))
    },
  )
  const generation = await publishDatasets(to, indexed)
  return { summary, events, indexed, generation, to }
}
