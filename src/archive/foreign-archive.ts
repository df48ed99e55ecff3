/**
 * Archives of other tools, which have no member index: read from the begin to the file that is wanted.
 *
 * What is in an archive is found out once, by unpacking it in passing. A range of a file costs unpacking all that lies before
 * it; `archive import` makes an archive of which any range is near.
 */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Header } from 'tar-stream'
import { StorageFailed } from '../domain/errors.ts'
import { byCodePoint } from '../domain/text-order.ts'
import type { Blob } from '../storage/blob.ts'
import type { ByteRange, Identity, Listed, Store } from '../storage/store.ts'

/** One entry of a tar: its header, and its content as a stream. */
type TarPart = Readable & { readonly header: Header }

// Archives whose lists are kept.
const MOST_KEPT = 256

/** What was found in archives of other tools; the last ones are kept. */
export class ForeignArchives {
  readonly #store: Store
  readonly #most: number
  readonly #kept = new Map<string, Promise<Listed[]>>()

  /** @param most - archives whose lists are kept */
  constructor(store: Store, most = MOST_KEPT) {
    this.#store = store
    this.#most = most
  }

  /**
   * The files of an archive in a given state, sorted by path below its top folder.
   *
   * @throws StorageFailed when it is no tar in gzip
   */
  async files(key: string, identity: Identity): Promise<Listed[]> {
    const state = [key, identity.size, identity.modifiedMs, identity.inode].join('\0')
    const known = this.#kept.get(state)
    if (known !== undefined) return known
    // Whoever asks meanwhile waits for the same scan.
    const scan = this.#scan(key)
    this.#kept.set(state, scan)
    scan.catch(() => this.#kept.delete(state))
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break
      this.#kept.delete(oldest)
    }
    return scan
  }

  /** A file of an archive as a blob; undefined when it has none of that path. Throws as `files`. */
  async file(key: string, identity: Identity, path: string): Promise<Blob | undefined> {
    const files = await this.files(key, identity)
    const file = files.find(listed => listed.path === path)
    if (file === undefined) return undefined
    const chunks = (range: ByteRange) => this.#chunks(key, path, range)
    return {
      size: file.size,
      etag:
        [identity.size, Math.round(identity.modifiedMs), identity.inode].join('-') +
        encodedPath(path),
      mediaType: 'application/octet-stream',
      modified: new Date(identity.modifiedMs),
      digests: {},
      stream: range => Readable.from(chunks(range), { objectMode: false }),
      bytes: range => joined(chunks(range)),
      close: async () => {},
    }
  }

  async #scan(key: string): Promise<Listed[]> {
    const files: Listed[] = []
    for await (const { header } of this.#entries(key)) {
      if (header.type === 'file')
        files.push({ path: below(header.name), size: Number(header.size) })
    }
    return files.sort((a, b) => byCodePoint(a.path, b.path))
  }

  async *#chunks(key: string, path: string, range: ByteRange): AsyncGenerator<Buffer> {
    let at = 0
    for await (const entry of this.#entries(key)) {
      if (entry.header.type !== 'file' || below(entry.header.name) !== path) continue
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        const part = chunk.subarray(Math.max(0, range.start - at), Math.max(0, range.end - at))
        at += chunk.length
        if (part.length > 0) yield part
        if (at >= range.end) return
      }
    }
    if (at < range.end) throw new StorageFailed(key, new Error(`${path} ended at byte ${at}`))
  }

  /** The entries of an archive; those that are not read are passed over. */
  async *#entries(key: string): AsyncGenerator<TarPart> {
    const { extract } = await import('tar-stream')
    const object = await this.#store.open(key)
    if (object === undefined) throw new StorageFailed(key, new Error('it is not there any more'))
    const packed = object.stream({ start: 0, end: object.size })
    const plain = packed.pipe(createGunzip())
    const tar = extract()
    for (const part of [packed, plain]) part.once('error', error => tar.destroy(error))
    // The loop below throws it; without a listener it would end the process as well.
    tar.on('error', () => {})
    plain.pipe(tar)
    try {
      for await (const entry of tar) {
        // The entry fails with the tar, also one that nobody reads.
        entry.on('error', () => {})
        yield entry as unknown as TarPart
        entry.resume()
      }
    } catch (error) {
      throw new StorageFailed(key, error)
    } finally {
      packed.destroy()
      plain.destroy()
    }
  }
}

async function joined(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** A path without the top folder of the archive. */
function below(name: string): string {
  return name.replace(/^(?:\.\/)*[^/]*\/(?:\.\/)*/, '')
}

function encodedPath(path: string): string {
  return `-${Buffer.from(path).toString('base64url')}`
}
