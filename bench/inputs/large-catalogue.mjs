// Writes a synthetic archive folder: GENOMES genomes x 10 assets x 2 tags, every archive a hard link to a file of the same 4 KiB.
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { WORK } from '../places.mjs'

const ASSETS =
  'fasta bowtie2_index bwa_index hisat2_index star_index salmon_index kallisto_index ensembl_gtf blacklist tallymer_index'.split(
    ' ',
  )
const TAGS = ['default', 'v2']
const ARCHIVE_BYTES = 4096
// ext4 allows 65,000 names of a file: some thousand genomes need several.
const GENOMES_PER_FILE = 2500

/** Archives of a genome. */
export const ARCHIVES_PER_GENOME = ASSETS.length * TAGS.length

/** Digest of the genome at a place of the catalogue. */
export const genomeDigest = i => createHash('sha512').update(String(i)).digest('hex').slice(0, 48)

const digestOf = text => createHash('md5').update(text).digest('hex')

/** Makes the folder with so many genomes unless it is there. */
export function largeCatalogue(genomes) {
  const folder = join(WORK, `genomes-${genomes}`)
  const config = join(folder, 'genome_config.yaml')
  if (!existsSync(config)) writeCatalogue(folder, config, genomes)
  const archive = readFileSync(join(folder, '.source-0.tgz'))
  const last = genomeDigest(genomes - 1)
  return {
    folder,
    config,
    genomes,
    archive,
    archiveDigest: digestOf(archive),
    /** A path of the API that the first right answer comes from: of the genome that is read last. */
    lastPath: `/v3/assets/attrs/${last}/fasta`,
    lastAssetDigest: assetDigest(last, 'fasta', 'default'),
  }
}

/** Removes the digests that a check has left beside the archives, so that the next one has all of its work again. */
export function forgetDigests(folder) {
  for (const name of readdirSync(folder, { recursive: true }))
    if (name.endsWith('.digests.json')) rmSync(join(folder, name))
}

function writeCatalogue(folder, config, genomes) {
  mkdirSync(folder, { recursive: true })
  const archive = randomBytes(ARCHIVE_BYTES)
  const lines = [
    'config_version: 0.4',
    `genome_folder: ${folder}`,
    `genome_archive_folder: ${folder}`,
    'genome_servers: []',
    'genomes:',
  ]
  for (let i = 0; i < genomes; i += 1) {
    const source = join(folder, `.source-${Math.floor(i / GENOMES_PER_FILE)}.tgz`)
    if (i % GENOMES_PER_FILE === 0) writeFileSync(source, archive)
    linkArchives(join(folder, genomeDigest(i)), source)
    lines.push(...genomeLines(i, digestOf(archive)))
  }
  // Under its name only when it is whole: an interrupted run begins anew.
  writeFileSync(`${config}.part`, `${lines.join('\n')}\n`)
  renameSync(`${config}.part`, config)
}

function linkArchives(folder, source) {
  mkdirSync(folder, { recursive: true })
  for (const asset of ASSETS) {
    for (const tag of TAGS) {
      const file = join(folder, `${asset}__${tag}.tgz`)
      if (!existsSync(file)) linkSync(source, file)
    }
  }
}

const assetDigest = (genome, asset, tag) => digestOf(genome + asset + tag)

function genomeLines(i, archiveDigest) {
  const genome = genomeDigest(i)
  const lines = [
    `  ${genome}:`,
    '    aliases:',
    `    - genome${i}`,
    `    genome_description: synthetic genome ${i}`,
    '    assets:',
  ]
  for (const asset of ASSETS) {
    lines.push(
      `      ${asset}:`,
      `        asset_description: synthetic ${asset}`,
      '        default_tag: default',
      '        tags:',
    )
    for (const tag of TAGS) lines.push(...tagLines(genome, asset, tag, archiveDigest))
  }
  return lines
}

function tagLines(genome, asset, tag, archiveDigest) {
  return [
    `          ${tag}:`,
    `            archive_digest: ${archiveDigest}`,
    '            archive_size: 4.0 KB',
    '            asset_children: []',
    `            asset_digest: ${assetDigest(genome, asset, tag)}`,
    '            asset_parents: []',
    `            asset_path: ${asset}`,
    '            asset_size: 8.0 KB',
    '            seek_keys:',
    `              ${asset}: ${genome}.fa`,
    '              dir: .',
  ]
}
