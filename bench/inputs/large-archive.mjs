// An archive folder with one archive of 1 GiB, as another tool would have made it.
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { WORK } from '../places.mjs'
import { stampedPieces } from './stamps.mjs'

const GENOME = '1'.repeat(48)
const PIECE = 1024 ** 2

/** Bytes of the archive. */
export const LARGE_BYTES = 1024 ** 3

/** Makes the folder unless it is there. */
export function largeArchive() {
  const folder = join(WORK, 'large-archive')
  const config = join(folder, 'genome_config.yaml')
  const key = `${GENOME}/big__default.tgz`
  const notes = join(folder, 'digests.json')
  if (!existsSync(config)) {
    mkdirSync(join(folder, GENOME), { recursive: true })
    const digests = writeStamped(join(folder, key))
    writeFileSync(notes, JSON.stringify(digests))
    writeFileSync(`${config}.part`, configText(folder, digests.md5))
    renameSync(`${config}.part`, config)
  }
  return {
    folder,
    config,
    key,
    archivePath: `/v3/assets/archive/${GENOME}/big`,
    attrsPath: `/v3/assets/attrs/${GENOME}/big`,
    ...JSON.parse(readFileSync(notes, 'utf8')),
  }
}

function writeStamped(path) {
  const [md5, sha256] = [createHash('md5'), createHash('sha256')]
  const pieceAt = stampedPieces(PIECE)
  const file = openSync(path, 'w')
  for (let offset = 0; offset < LARGE_BYTES; offset += PIECE) {
    const piece = pieceAt(offset)
    md5.update(piece)
    sha256.update(piece)
    writeSync(file, piece)
  }
  closeSync(file)
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex') }
}

function configText(folder, md5) {
  const tag = `{archive_digest: ${md5}, archive_size: 1.0 GB, asset_size: 1.0 GB, asset_digest: ${md5}, asset_path: big, asset_parents: [], asset_children: [], seek_keys: {big: big}}`
  return `config_version: 0.4
genome_folder: ${folder}
genome_archive_folder: ${folder}
genome_servers: []
genomes:
  '${GENOME}':
    aliases: [noise]
    genome_description: noise
    assets:
      big:
        asset_description: noise
        default_tag: default
        tags:
          default: ${tag}
`
}
