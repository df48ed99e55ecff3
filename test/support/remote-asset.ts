/** Assets as a server would tell of them, and what fills their folders. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Fill } from '../../src/client/pull-target.ts'
import type { RemoteAsset } from '../../src/client/remote-asset.ts'

/** Digest of the genome of {@link remoteAsset}. */
export const GENOME = '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905'
/** md5 of its archive. */
export const ARCHIVE_MD5 = '73dc250cced2a30748233539652ff894'
// Of the files of `filledWith`: find . -type f -exec md5sum {} \; | sort -k 2 | awk '{print $1}' | md5sum
const ASSET_DIGEST = '4e955ab464d74e87a7a45da68121f82f'

/** `t7/fasta:default`, but for what is given. */
export function remoteAsset(
  change: {
    asked?: string
    genome?: Partial<RemoteAsset['genome']>
    name?: string
    tag?: string
    attributes?: RemoteAsset['attributes']
    archive?: Partial<RemoteAsset['archive']>
    parentDigests?: Record<string, string>
    server?: string
  } = {},
): RemoteAsset {
  const {
    asked = 't7',
    name = 'fasta',
    tag = 'default',
    server = 'https://refgenomes.org',
  } = change
  return {
    server,
    registryPath: `${asked}/${name}:${tag}`,
    genome: { digest: GENOME, aliases: ['t7', 'enterophage'], ...change.genome },
    asset: { name, defaultTag: 'default' },
    tag,
    attributes: {
      asset_path: name,
      asset_digest: ASSET_DIGEST,
      archive_size: '12.83 KB',
      seek_keys: { fasta: `${GENOME}.fa`, fai: `${GENOME}.fa.fai`, dir: '.' },
      asset_parents: [],
      ...change.attributes,
    },
    ...(change.parentDigests && { parentDigests: change.parentDigests }),
    archive: { md5: ARCHIVE_MD5, size: 7, indexed: false, urls: [], ...change.archive },
  }
}

/** The files of `t7/fasta`. */
export const FASTA_FILES: Readonly<Record<string, string>> = {
  [`${GENOME}.fa`]: '>t7\nACGT\n',
  [`${GENOME}.fa.fai`]: 't7\t4\t4\t4\t5\n',
  'inner/Grünling ☃.txt': 'notes\n',
}

/** Fills a staging folder with files. */
export function filledWith(files: Readonly<Record<string, string>> = FASTA_FILES): Fill {
  return async staging => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(staging, path)), { recursive: true })
      await writeFile(join(staging, path), content)
    }
  }
}
