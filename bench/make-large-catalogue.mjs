// Writes a synthetic archive folder: GENOMES genomes x 10 assets x 2 tags, every archive a hard link to one 4 KiB file.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ASSETS =
  'fasta bowtie2_index bwa_index hisat2_index star_index salmon_index kallisto_index ensembl_gtf blacklist tallymer_index'.split(
    ' ',
  )
const TAGS = ['default', 'v2']

/** Makes the folder unless it is there; answers the digest of its first genome. */
export function makeLargeCatalogue(folder, genomes) {
  const digestOf = i => createHash('sha512').update(String(i)).digest('hex').slice(0, 48)
  const config = join(folder, 'genome_config.yaml')
  if (existsSync(config)) return digestOf(0)
  mkdirSync(folder, { recursive: true })
  const source = join(folder, '.source.tgz')
  writeFileSync(source, randomBytes(4096))
  const md5 = createHash('md5').update(readFileSync(source)).digest('hex')
  let text = `config_version: 0.4\ngenome_folder: ${folder}\ngenome_archive_folder: ${folder}\ngenome_servers: []\ngenomes:\n`
  for (let i = 0; i < genomes; i += 1) {
    const digest = digestOf(i)
    mkdirSync(join(folder, digest))
    text += `  ${digest}:\n    aliases:\n    - genome${i}\n    genome_description: synthetic genome ${i}\n    assets:\n`
    for (const asset of ASSETS) {
      text += `      ${asset}:\n        asset_description: synthetic ${asset}\n        default_tag: default\n        tags:\n`
      for (const tag of TAGS) {
        linkSync(source, join(folder, digest, `${asset}__${tag}.tgz`))
        const assetDigest = createHash('md5')
          .update(digest + asset + tag)
          .digest('hex')
        text += `          ${tag}:\n            archive_digest: ${md5}\n            archive_size: 4.0 KB\n            asset_children: []\n            asset_digest: ${assetDigest}\n            asset_parents: []\n            asset_path: ${asset}\n            asset_size: 8.0 KB\n            seek_keys:\n              ${asset}: ${digest}.fa\n              dir: .\n`
      }
    }
  }
  writeFileSync(config, text)
  return digestOf(0)
}
