/** A large archive of noise in an archive folder, with what a client has to know of it. */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { T7 } from '../genome-fixtures.ts'

const PIECE = 4 * 1024 * 1024

/** See the head of this file. */
export interface LargeArchive {
  readonly config: string
  readonly size: number
  readonly md5: string
  readonly sha256: string
  /** Hashes of its parts of 4 MiB. */
  readonly parts: { readonly size: number; readonly sha256: readonly string[] }
}

/** Makes it: `t7/big:default`, as another tool would have archived it. */
export async function largeArchive(folder: string, size: number): Promise<LargeArchive> {
  await mkdir(join(folder, T7), { recursive: true })
  const file = await open(join(folder, T7, 'big__default.tgz'), 'w')
  const cipher = createCipheriv('aes-128-ctr', String(size).padEnd(16), Buffer.alloc(16))
  const [md5, sha256] = [createHash('md5'), createHash('sha256')]
  const hashes: string[] = []
  for (let at = 0; at < size; at += PIECE) {
    const piece = cipher.update(Buffer.alloc(Math.min(PIECE, size - at)))
    md5.update(piece)
    sha256.update(piece)
    hashes.push(createHash('sha256').update(piece).digest('hex'))
    await file.write(piece)
  }
  await file.close()
  const config = join(folder, 'genome_config.yaml')
  const digest = md5.digest('hex')
  await writeFile(config, configText(digest, size))
  const parts = { size: PIECE, sha256: hashes }
  return { config, size, md5: digest, sha256: sha256.digest('hex'), parts }
}

function configText(md5: string, size: number): string {
  const tag = `{archive_digest: ${md5}, archive_size: ${size}.00 B, asset_path: big, seek_keys: {big: big}}`
  return `genomes:
  ${T7}:
    aliases: [t7]
    assets:
      big:
        tags:
          default: ${tag}
`
}
