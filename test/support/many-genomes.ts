/** An archive folder with many genomes, all of whose archives are the same few bytes. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { folderRemovedLast } from './test-folder.ts'

/** Where it lies, and the digest of its first genome, whose alias is `name0`. */
export interface ManyGenomes {
  readonly config: string
  readonly archiveFolder: string
  readonly digest: string
}

// A tar without any files, as another tool would pack it.
const ARCHIVE = gzipSync(Buffer.alloc(1024))

const ASSETS = ['bwa_index', 'fasta']
const md5 = (text: string | Buffer) => createHash('md5').update(text).digest('hex')

/** Makes a folder with so many genomes, of two assets with one tag each. */
export async function manyGenomes(t: Test, count: number): Promise<ManyGenomes> {
  const folder = folderRemovedLast(t)
  const genomes: Record<string, object> = {}
  const digestOf = (i: number) => createHash('sha384').update(`${i}`).digest('hex').slice(0, 48)
  for (let i = 0; i < count; i += 1) {
    const digest = digestOf(i)
    await mkdir(join(folder, digest))
    const assets: Record<string, object> = {}
    for (const asset of ASSETS) {
      await writeFile(join(folder, digest, `${asset}__default.tgz`), ARCHIVE)
      await writeFile(join(folder, digest, `build_recipe_${asset}__default.json`), '{"a": 1}')
      await writeFile(join(folder, digest, `asset_dir_contents_${asset}__default.json`), '["a.fa"]')
      const tag = {
        asset_path: asset,
        asset_digest: md5(`${digest}/${asset}`),
        archive_digest: md5(ARCHIVE),
        archive_size: '40 B',
        asset_size: '40 B',
        seek_keys: { [asset]: 'a.fa', dir: '.' },
        asset_parents: asset === 'fasta' ? [] : [`${digest}/fasta:default`],
        asset_children: [],
      }
      const default_tag = 'default'
      assets[asset] = { asset_description: `an ${asset}`, default_tag, tags: { default: tag } }
    }
    genomes[digest] = {
      aliases: [`name${i}`],
      genome_description: `number ${i}`,
      assets,
    }
  }
  const config = join(folder, 'genome_config.yaml')
  const head = { config_version: 0.4, genome_folder: folder, genome_archive_folder: folder }
  await writeFile(config, JSON.stringify({ ...head, genome_servers: [], genomes }))
  return { config, archiveFolder: folder, digest: digestOf(0) }
}
