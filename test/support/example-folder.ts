/** Copies of the bundled example archive folder, for tests that change or damage it. */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Test } from 'tap'
import { T7 } from './genome-fixtures.ts'
import { folderRemovedLast } from './test-folder.ts'

/** Absolute path of the example folder; read only. */
export const EXAMPLE = resolve('example')

/** Where commands find the example, whatever lies on this machine where its config says that the archives are. */
export const EXAMPLE_FLAGS = [
  '-c',
  join(EXAMPLE, 'genome_config.yaml'),
  '--archive-folder',
  EXAMPLE,
]

/** Path of the T7 fasta archive in an archive folder. */
export const T7_FASTA = `${T7}/fasta__default.tgz`

// What servers that run over the example itself write there, in other tests at the same time: it may be gone when it is to be copied.
const OF_SERVERS = /^\.refdepot$|\.digests\.json$|\.part$/

/** A copy of the example folder that belongs to one test, with an unpacked copy of the T7 fasta as the peer leaves it. */
export async function exampleCopy(t: Test): Promise<{ folder: string; config: string }> {
  const folder = folderRemovedLast(t)
  const filter = (source: string) => !OF_SERVERS.test(basename(source))
  await cp(EXAMPLE, folder, { recursive: true, filter })
  const unpacked = join(folder, T7, 'fasta__default')
  await mkdir(join(unpacked, 'sub dir'), { recursive: true })
  await writeFile(join(unpacked, `${T7}.fa`), '>V01146.1\nACGT\n')
  await writeFile(join(unpacked, 'sub dir', 'é.txt'), 'odd name')
  return { folder, config: join(folder, 'genome_config.yaml') }
}
