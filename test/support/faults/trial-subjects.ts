/** What the trials download: plain files, and archives that are unpacked while they arrive. */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { MemberIndex } from '../../../src/archive/member-index.ts'
import { downloadFile } from '../../../src/transfer/download-file.ts'
import type { PartHashes, RemoteFile } from '../../../src/transfer/remote-file.ts'
import type { TransferOptions } from '../../../src/transfer/transfer-options.ts'
import { unpackArchive } from '../../../src/transfer/unpack-archive.ts'
import { unpackStream } from '../../../src/transfer/unpack-stream.ts'
import { annotation, plainFasta } from '../content-shapes.ts'
import { archive, create, indexOf } from '../create-archives.ts'
import { genomeFolder } from '../genome-folder.ts'
import { digestOf, fastNoise } from '../remote-files.ts'
import { treeOf } from '../tree-of.ts'
import type { Form, Trial } from './download-trial.ts'

/** What a trial downloads. */
export interface Subject {
  readonly content: Buffer
  readonly parts: PartHashes | undefined
  /** Downloads it to a path. */
  readonly fetch: (file: RemoteFile, target: string, options: TransferOptions) => Promise<unknown>
  /** What is wrong with it once it is there. */
  readonly wrongs: (target: string) => Promise<string[]>
}

/** Subject of a trial. */
export type Subjects = (trial: Trial) => Subject

const FILES = {
  'a.fa': plainFasta(1_000_000, 7),
  'a.gtf': annotation(3000),
  'big.bin': fastNoise(9_000_000, 3),
  'sub/second.bin': fastNoise(3_000_000, 5),
  'empty.txt': '',
  'ünï cödé 中.txt': 'unicode',
  'run.sh': { executable: '#!/bin/sh\n' },
  'link.fa': { link: 'a.fa' },
}
// These alone are taken where single files are wanted.
const ONLY = ['a.gtf', 'sub/second.bin', 'empty.txt']

/** Makes the archives once; plain files are made for each trial. */
export async function trialSubjects(t: Test): Promise<Subjects> {
  const made = await genomeFolder(t, { 'fasta:default': { files: FILES } })
  await create(made)
  const path = archive(made)
  const index = await indexOf(path)
  const tree = await treeOf(made.tagFolder('fasta'))
  const packed = { content: await readFile(path), index, tree }
  const parent = join(made.tagFolder('fasta'), '..')
  const tar = ['-czf', '-', '--exclude=_refgenie_build', '-C', parent, 'default']
  const foreign = execFileSync('tar', tar, { maxBuffer: 2 ** 30 })
  return trial => {
    if (trial.form === 'file') return plainFile(trial)
    const isForeign = trial.form === 'foreign' || trial.form === 'stream'
    return unpacked(trial.form, isForeign ? { content: foreign, index: undefined, tree } : packed)
  }
}

interface Packed {
  readonly content: Buffer
  readonly index: MemberIndex | undefined
  readonly tree: Readonly<Record<string, string>>
}

function unpacked(form: Form, { content, index, tree }: Packed): Subject {
  const isPart = form === 'only'
  const wanted = isPart ? Object.fromEntries(ONLY.map(name => [name, tree[name]])) : tree
  const folders = isPart ? { sub: 'folder' } : {}
  const more = { ...(index && { index }), ...(isPart && { only: ONLY }) }
  return {
    content,
    parts: index && { size: index.archive.chunk_size, sha256: index.archive.chunks },
    fetch: (file, folder, options) =>
      form === 'stream'
        ? unpackStream({ file, folder, options })
        : unpackArchive(file, folder, { ...options, ...more }),
    async wrongs(target) {
      const there = JSON.stringify(sorted(await treeOf(target)))
      const right = JSON.stringify(sorted({ ...wanted, ...folders }))
      return there === right ? [] : [`a success with another tree: ${there}, not ${right}`]
    },
  }
}

const sorted = (tree: object) => Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))

function plainFile({ size, seed, partSize }: Trial): Subject {
  const content = fastNoise(size, seed % 251)
  const sha256: string[] = []
  for (let at = 0; partSize !== undefined && at < size; at += partSize) {
    sha256.push(digestOf('sha256', content.subarray(at, at + partSize)))
  }
  return {
    content,
    parts: partSize === undefined ? undefined : { size: partSize, sha256 },
    fetch: downloadFile,
    async wrongs(target) {
      const there = await readFile(target).catch(() => undefined)
      return there?.equals(content) === true ? [] : ['a success with other bytes']
    },
  }
}
