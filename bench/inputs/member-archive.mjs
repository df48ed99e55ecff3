// An archive folder with one large FASTA file twice: in an archive of ours, and in an archive of another tool beside its unpacked copy, which is how
// refgenieserver leaves it. Files of the one are read out of the archive, those of the other as they lie on disk.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { MAIN, WORK } from '../places.mjs'

const GENOME = '2'.repeat(48)
const BASES = Buffer.from('ACGT')
const LINE_BASES = 60
const LINES_PER_RECORD = 1_000_000

const MEMBER_BYTES = 256 * 1024 ** 2

/** Makes the folder unless it is there. */
export function memberArchive() {
  const home = join(WORK, 'member-archive')
  const config = join(home, 'archives/genome_config.yaml')
  const file = join(home, 'sequence.fa')
  if (!existsSync(config)) {
    rmSync(home, { recursive: true, force: true })
    mkdirSync(home, { recursive: true })
    writeFasta(file)
    archiveOurs(home, file)
    archiveOfOthers(home, file)
  }
  return {
    config,
    file,
    packedPath: `/${GENOME}/assets/packed/files/sequence.fa`,
    unpackedPath: `/${GENOME}/assets/unpacked/files/sequence.fa`,
    attrsPath: `/v3/assets/attrs/${GENOME}/unpacked`,
  }
}

/** Random bases in lines, some records; the same in every run. */
function writeFasta(path) {
  const file = openSync(path, 'w')
  let state = 7
  const line = Buffer.alloc(LINE_BASES + 1, 10)
  let text = []
  for (let bytes = 0, lines = 0; bytes < MEMBER_BYTES; lines += 1) {
    if (lines % LINES_PER_RECORD === 0) {
      const name = Buffer.from(`>sequence${lines / LINES_PER_RECORD}\n`)
      text.push(name)
      bytes += name.length
    }
    for (let at = 0; at < LINE_BASES; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
      line[at] = BASES[state >>> 30]
    }
    text.push(Buffer.from(line))
    bytes += line.length
    if (lines % 10_000 === 0 || bytes >= MEMBER_BYTES) {
      writeSync(file, Buffer.concat(text))
      text = []
    }
  }
  closeSync(file)
}

const assetLines = name => [
  `      ${name}:`,
  `        tags: {default: {asset_path: ${name}, seek_keys: {${name}: sequence.fa}}}`,
]

function archiveOurs(home, file) {
  const folder = join(home, 'genomes/data', GENOME, 'packed/default')
  mkdirSync(folder, { recursive: true })
  linkSync(file, join(folder, 'sequence.fa'))
  const lines = [
    'config_version: 0.4',
    `genome_folder: ${home}/genomes`,
    `genome_archive_folder: ${home}/archives`,
    'genomes:',
    `  '${GENOME}':`,
    '    aliases: [random]',
    '    assets:',
    ...assetLines('packed'),
  ]
  const config = join(home, 'genomes/genome_config.yaml')
  writeFileSync(config, `${lines.join('\n')}\n`)
  execFileSync(process.execPath, [MAIN, 'archive', 'create', '-c', config], { stdio: 'ignore' })
}

function archiveOfOthers(home, file) {
  const archives = join(home, 'archives')
  const folder = join(archives, GENOME, 'unpacked__default')
  mkdirSync(folder)
  linkSync(file, join(folder, 'sequence.fa'))
  const archive = join(archives, GENOME, 'unpacked__default.tgz')
  // As refgenieserver does it: the folder in the archive has the name of the tag.
  execFileSync('tar', [
    ...['--use-compress-program=gzip -1', '--transform=s/unpacked__default/default/'],
    ...['-C', join(archives, GENOME), '-cf', archive, 'unpacked__default'],
  ])
  const config = join(archives, 'genome_config.yaml')
  const text = readFileSync(config, 'utf8')
  const md5 = createHash('md5').update(readFileSync(archive)).digest('hex')
  const tag = `{archive_digest: ${md5}, archive_size: 80 MB, asset_size: 256 MB, asset_digest: ${md5}, asset_path: unpacked, asset_parents: [], asset_children: [], seek_keys: {unpacked: sequence.fa}}`
  const lines = [
    '      unpacked:',
    '        asset_description: the same file',
    '        default_tag: default',
    `        tags: {default: ${tag}}`,
  ]
  const added = text.replace(/^ {4}assets:\n/m, found => `${found}${lines.join('\n')}\n`)
  if (added === text) throw new Error(`${config} has no assets`)
  writeFileSync(`${config}.part`, added)
  renameSync(`${config}.part`, config)
}
