/** Small genome folders as `refgenie build` leaves them, for tests of the archiver. */
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { RawConfig, RawTag } from '../../src/config/genome-config-schema.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { plainFasta } from './content-shapes.ts'
import { T7 } from './genome-fixtures.ts'
import { folderRemovedLast } from './test-folder.ts'

/** Content of a file, or what a link leads to, or what a file is a hard link of. */
type FileSpec =
  | Buffer
  | string
  | { readonly link: string }
  | { readonly hardLink: string }
  | { readonly executable: string }

/** One tag: its files by path, with `{genome}` in names and links for the digest. */
interface TagSpec {
  readonly files: Readonly<Record<string, FileSpec>>
  readonly attributes?: Partial<RawTag>
  /** State of the build flag; `completed` when it is not given, none for false. */
  readonly build?: string | false
}

/** `asset:tag` → tag. */
export type GenomeSpec = Readonly<Record<string, TagSpec>>

/** A genome folder with its config; the archive folder does not exist yet. */
export interface GenomeFolder {
  readonly config: string
  readonly genomeFolder: string
  readonly archiveFolder: string
  readonly serverConfig: string
  /** Folder of the files of a tag. */
  tagFolder(asset: string, tag?: string): string
  /** Writes the config anew, after a change. */
  rewrite(change: (raw: RawConfig) => void): Promise<void>
}

/** A FASTA asset and an index that links to it, as `refgenie build` makes them. */
export const USUAL: GenomeSpec = {
  'fasta:default': {
    files: {
      '{genome}.fa': plainFasta(150_000),
      '{genome}.fa.fai': 'chr1\t150000\t6\t60\t61\n',
      '{genome}.chrom.sizes': 'chr1\t150000\n',
    },
    attributes: {
      seek_keys: { fasta: '{genome}.fa', fai: '{genome}.fa.fai', dir: '.' },
      asset_children: [`${T7}/bwa_index:default`],
    },
  },
  'bwa_index:default': {
    files: {
      '{genome}.fa': { link: '/{genomes}/data/{genome}/fasta/default/{genome}.fa' },
      '{genome}.fa.bwt': Buffer.alloc(90_000, 'index'),
      '{genome}.fa.amb': 'x',
    },
    attributes: {
      seek_keys: { bwa_index: '{genome}.fa', dir: '.' },
      asset_parents: [`${T7}/fasta:default`],
    },
  },
}

/** Makes a genome folder for one test; the genome is T7 with the aliases given. */
export async function genomeFolder(
  t: Test,
  spec: GenomeSpec = USUAL,
  aliases: readonly string[] = ['t7', 'phage-seven'],
): Promise<GenomeFolder> {
  return genomeFolderIn(folderRemovedLast(t), spec, aliases)
}

/** Makes a genome folder below a folder. */
export async function genomeFolderIn(
  top: string,
  spec: GenomeSpec = USUAL,
  aliases: readonly string[] = ['t7', 'phage-seven'],
): Promise<GenomeFolder> {
  const genomes = join(top, 'genomes')
  const archiveFolder = join(top, 'archives')
  const tagFolder = (asset: string, tag = 'default') => join(genomes, 'data', T7, asset, tag)
  const assets: Record<string, { default_tag: string; tags: Record<string, RawTag> }> = {}
  const filled = (text: string) => text.replaceAll('{genome}', T7).replace('/{genomes}', genomes)
  for (const [name, tag] of Object.entries(spec)) {
    const [asset, tagName] = name.split(':') as [string, string]
    await writeTag(tagFolder(asset, tagName), { asset, tagName, tag, filled })
    assets[asset] ??= { default_tag: tagName, tags: {} }
    const attributes = JSON.parse(
      filled(JSON.stringify(tag.attributes ?? { seek_keys: { dir: '.' } })),
    )
    assets[asset].tags[tagName] = { asset_path: asset, ...attributes }
  }
  const raw: RawConfig = {
    config_version: '0.4',
    genome_folder: genomes,
    genome_archive_folder: archiveFolder,
    genome_servers: ['http://localhost'],
    genomes: { [T7]: { aliases: [...aliases], genome_description: 'Phage', assets } },
  }
  const config = join(genomes, 'genome_config.yaml')
  const rewrite = async (change: (raw: RawConfig) => void) => {
    change(raw)
    await writeFile(config, formatGenomeConfig(raw))
  }
  await rewrite(() => {})
  const serverConfig = join(archiveFolder, 'genome_config.yaml')
  return { config, genomeFolder: genomes, archiveFolder, serverConfig, tagFolder, rewrite }
}

interface TagPlace {
  readonly asset: string
  readonly tagName: string
  readonly tag: TagSpec
  readonly filled: (text: string) => string
}

async function writeTag(folder: string, { asset, tagName, tag, filled }: TagPlace): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, content] of Object.entries(tag.files)) {
    const path = join(folder, filled(name))
    await mkdir(dirname(path), { recursive: true })
    if (name.endsWith('/')) await mkdir(path, { recursive: true })
    else if (typeof content === 'string' || Buffer.isBuffer(content)) await writeFile(path, content)
    else if ('link' in content) await symlink(filled(content.link), path)
    else if ('hardLink' in content) await link(join(folder, filled(content.hardLink)), path)
    else {
      await writeFile(path, content.executable)
      await chmod(path, 0o755)
    }
  }
  if (tag.build === false) return
  const build = join(folder, '_refgenie_build')
  await mkdir(build, { recursive: true })
  await writeFile(join(build, 'refgenie_log.md'), '# log\n')
  await writeFile(join(build, `build_recipe_${asset}__${tagName}.json`), '{"name": "x"}')
  await writeFile(join(build, `refgenie_SAMPLE_${tag.build ?? 'completed'}.flag`), '')
}
