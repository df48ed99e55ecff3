/**
 * A folder or file of somebody's disk as a genome folder with one tag, so that the archiver can pack it: files are linked, never changed.
 *
 * A FASTA asset gets what `refgenie build` would give it: the FASTA under the digest of the genome, its `.fai` and its `.chrom.sizes`.
 */
import { constants, createReadStream, createWriteStream } from 'node:fs'
import {
  copyFile,
  link,
  mkdir,
  readdir,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { SourceRefused } from '../domain/archiving-errors.ts'
import { faiText } from '../genomics/fai.ts'
import { FastaScan } from '../genomics/fasta-scan.ts'
import { GenomeDigest } from '../genomics/genome-digest.ts'

/** What is to be published, and how it shall be called. */
export interface PublishSource {
  /** Folder or file. */
  readonly path: string
  /** Alias of the genome. */
  readonly genome: string
  readonly asset: string
  readonly tag: string
  /** Digest of the genome; computed when the asset has its FASTA. */
  readonly genomeDigest?: string
  readonly genomeDescription?: string
  /** Seek keys beside those that follow from the files. */
  readonly seekKeys: Readonly<Record<string, string>>
  /** Further keys of the tag: provenance, access, description. */
  readonly attributes: RawTag
}

/** A genome folder that was made. */
export interface StagedSource {
  /** Path of its config. */
  readonly config: string
  readonly genomeDigest: string
}

const FASTA_NAME = /\.(?:fa|fasta|fna)(\.gz|\.bgz)?$/i
const FASTA_ASSET = 'fasta'

/**
 * Makes a genome folder below a folder that is empty.
 *
 * @throws SourceRefused when nothing is there, or it is not known which file is the FASTA
 */
export async function stageSource(source: PublishSource, folder: string): Promise<StagedSource> {
  const from = resolve(source.path)
  const stats = await stat(from).catch(() => undefined)
  if (stats === undefined) throw new SourceRefused(from, 'there is no such folder or file')
  const files = stats.isDirectory() ? await readdir(from) : [basename(from)]
  const parent = stats.isDirectory() ? from : join(from, '..')
  const fasta = source.asset === FASTA_ASSET ? onlyFasta(from, files) : undefined
  const scratch = join(folder, 'new')
  await mkdir(scratch, { recursive: true })
  const scanned = fasta === undefined ? undefined : await takeFasta(join(parent, fasta), scratch)
  const digest = source.genomeDigest ?? scanned?.genomeDigest
  if (digest === undefined) {
    const reason = `only an asset called '${FASTA_ASSET}' tells what its genome is; give the digest of the genome with --genome-digest`
    throw new SourceRefused(from, reason)
  }
  const target = join(folder, 'genomes', 'data', digest, source.asset, source.tag)
  await mkdir(target, { recursive: true })
  if (scanned !== undefined) await nameFasta(scratch, target, digest, scanned)
  for (const name of files) {
    if (name !== fasta && !isOfFasta(name, fasta))
      await take(join(parent, name), join(target, name))
  }
  const config = join(folder, 'genome_config.yaml')
  const keys = scanned === undefined ? plainKeys(source, files) : fastaKeys(digest)
  await writeFile(config, formatGenomeConfig(configFor(source, folder, digest, keys)))
  return { config, genomeDigest: digest }
}

function onlyFasta(from: string, files: readonly string[]): string {
  const found = files.filter(name => FASTA_NAME.test(name))
  const [only, ...more] = found
  if (only !== undefined && more.length === 0) return only
  const reason =
    only === undefined
      ? 'a fasta asset needs a FASTA file (.fa, .fasta, .fna, also with .gz)'
      : `a fasta asset has one FASTA file, here are ${found.join(', ')}`
  throw new SourceRefused(from, reason)
}

/** What belongs to the FASTA under its old name is made anew under the new one. */
function isOfFasta(name: string, fasta: string | undefined): boolean {
  if (fasta === undefined) return false
  const plain = fasta.replace(/\.b?gz$/i, '')
  const stem = plain.replace(FASTA_NAME, '')
  const made = [`${plain}.fai`, `${plain}.gzi`, `${fasta}.fai`, `${fasta}.gzi`]
  return [...made, `${stem}.chrom.sizes`, `${plain}.chrom.sizes`].includes(name)
}

interface ScannedFasta {
  readonly genomeDigest: string
  readonly fai: string
  readonly sizes: string
}

/** Reads a FASTA once: unpacked into the scratch folder, with its digest and what belongs to it. */
async function takeFasta(path: string, scratch: string): Promise<ScannedFasta> {
  const [digest, scan] = [new GenomeDigest(), new FastaScan()]
  const seen = new PassThrough()
  seen.on('data', chunk => {
    digest.write(chunk)
    scan.write(chunk)
  })
  const isPacked = /\.b?gz$/i.test(path)
  const unpacked = join(scratch, 'fasta')
  try {
    if (isPacked) {
      await pipeline(createReadStream(path), createGunzip(), seen, createWriteStream(unpacked))
    } else {
      await pipeline(createReadStream(path), seen, async body => {
        for await (const _chunk of body);
      })
      await linkOrCopy(path, unpacked)
    }
  } catch (error) {
    throw new SourceRefused(path, (error as Error).message)
  }
  const facts = scan.end()
  const fai = faiText(facts)
  if (fai === undefined) throw new SourceRefused(path, `it cannot be indexed: ${facts.faiProblem}`)
  // As `cut -f 1,2` makes it of the index in the recipe of refgenie.
  const sizes = fai.replace(/^([^\t]*\t\d+)\t.*$/gm, '$1')
  return { genomeDigest: digest.end(), fai, sizes }
}

async function nameFasta(
  scratch: string,
  target: string,
  digest: string,
  { fai, sizes }: ScannedFasta,
): Promise<void> {
  await linkOrCopy(join(scratch, 'fasta'), join(target, `${digest}.fa`))
  await writeFile(join(target, `${digest}.fa.fai`), fai)
  await writeFile(join(target, `${digest}.chrom.sizes`), sizes)
}

function fastaKeys(digest: string): Record<string, string> {
  return {
    fasta: `${digest}.fa`,
    fai: `${digest}.fa.fai`,
    chrom_sizes: `${digest}.chrom.sizes`,
    dir: '.',
  }
}

/** The one file of an asset, else its folder. */
function plainKeys({ asset }: PublishSource, files: readonly string[]): Record<string, string> {
  const [only, ...more] = files
  return { [asset]: only !== undefined && more.length === 0 ? only : '.', dir: '.' }
}

function configFor(
  { genome, asset, tag, genomeDescription, seekKeys, attributes }: PublishSource,
  folder: string,
  digest: string,
  keys: Record<string, string>,
): RawConfig {
  const tags = {
    [tag]: { ...attributes, asset_path: asset, seek_keys: { ...keys, ...seekKeys } },
  }
  const assets = { [asset]: { default_tag: tag, tags } }
  return {
    config_version: '0.4',
    genome_folder: join(folder, 'genomes'),
    genome_archive_folder: join(folder, 'archives'),
    genomes: {
      [digest]: {
        aliases: [genome],
        ...(genomeDescription !== undefined && { genome_description: genomeDescription }),
        assets,
      },
    },
  }
}

/** Takes a file or folder as it is; links stay links. */
async function take(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) {
    const target = await readlink(from).catch(() => undefined)
    await (target === undefined ? linkOrCopy(from, to) : symlink(target, to))
    return
  }
  await mkdir(to, { recursive: true })
  for (const entry of entries) await take(join(from, entry.name), join(to, entry.name))
}

/** Another disk takes a copy, without bytes where the file system can. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE))
}
