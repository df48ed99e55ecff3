/** Unpacks a tar in gzip into a folder, without its top folder: files, folders and links, each checked before it is written. */
import { createWriteStream } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, open, readdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { DigestMismatch, PullRefused } from '../domain/transfer-errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { mustNotClimbOverLinks, safeLinkTarget, safePath, staysInside } from './safe-path.ts'

/**
 * What becomes of a link that leads out of the archive: refgenieserver packs links to the files of other assets by their absolute paths.
 *
 * @returns the target to write instead, which is trusted; undefined when there shall be no link
 */
export type OutsideLink = (path: string, target: string) => string | undefined

/** Where a tar goes. */
export interface TarTarget {
  /** Absolute path of a folder that is not there, or empty. */
  readonly folder: string
  /** Paths of files below the top folder that are wanted; everything when undefined. */
  readonly only?: readonly string[] | undefined
  readonly outsideLink?: OutsideLink | undefined
  /** What is unpacked, for messages. */
  readonly subject: string
}

type Entry = Readable & { readonly header: Header }

/**
 * Unpacks a tar. Links come last, so that nothing can be written through one.
 *
 * @throws DigestMismatch for what is no tar in gzip or ends too early; PullRefused for entries that lead out of the folder and for devices;
 *   StorageWriteFailed; what the source throws
 */
export async function extractTar(source: Readable, target: TarTarget): Promise<void> {
  const tar = extract()
  const unpacking = new TarUnpacking(target)
  await writing(target.folder, () => mkdir(target.folder, { recursive: true }))
  const fed = pipeline(source, createGunzip(), tar)
  // Awaited below; the loop may end first.
  fed.catch(() => {})
  try {
    for await (const entry of tar) await unpacking.take(entry as unknown as Entry)
    await fed
  } catch (error) {
    source.destroy()
    if (error instanceof RefdepotError) throw error
    const { message } = error as Error
    throw new DigestMismatch(`${target.subject} is no whole tar in gzip: ${message}`)
  }
  await unpacking.finish()
}

class TarUnpacking {
  readonly #target: TarTarget
  readonly #only: Set<string> | undefined
  /** Path → target; made at the end. */
  readonly #links = new Map<string, string>()
  readonly #files = new Set<string>()

  constructor(target: TarTarget) {
    this.#target = target
    this.#only = target.only === undefined ? undefined : new Set(target.only)
  }

  async take(entry: Entry): Promise<void> {
    const { header } = entry
    const path = below(header.name)
    if (path !== '' && this.#wants(path, header)) await this.#write(safePath(path), entry)
    entry.resume()
  }

  async finish(): Promise<void> {
    const { folder, subject } = this.#target
    for (const path of this.#only ?? []) {
      if (!this.#files.has(path)) throw new PullRefused(`${subject} has no file ${path}`)
    }
    mustNotClimbOverLinks(this.#links, this.#files)
    await writing(folder, async () => {
      for (const [path, target] of this.#links) {
        await mkdir(dirname(join(folder, path)), { recursive: true })
        await symlink(target, join(folder, path))
      }
      await flushAll(folder)
    })
  }

  #wants(path: string, { type }: Header): boolean {
    if (this.#only === undefined) return true
    return (type === 'file' || type === 'contiguous-file') && this.#only.has(path)
  }

  async #write(path: string, entry: Entry): Promise<void> {
    const { type, linkname } = entry.header
    const full = join(this.#target.folder, path)
    if (this.#links.has(path)) throw new PullRefused(`the archive has ${path} twice; refused`)
    if (type === 'directory') {
      await writing(full, () => mkdir(full, { recursive: true }))
    } else if (type === 'symlink') {
      this.#link(path, linkname ?? '')
    } else if (type === 'link') {
      await this.#copy(below(linkname ?? ''), path)
    } else if (type === 'file' || type === 'contiguous-file') {
      await this.#file(path, entry)
    } else {
      throw new PullRefused(`${path} in the archive is neither file, folder nor link; refused`)
    }
  }

  #link(path: string, target: string): void {
    const { outsideLink } = this.#target
    const isOutside = outsideLink !== undefined && !staysInside(path, target)
    const written = isOutside ? outsideLink(path, target) : safeLinkTarget(path, target)
    if (written !== undefined) this.#links.set(path, written)
  }

  /** A hard link: the same file a second time. */
  async #copy(from: string, path: string): Promise<void> {
    const { folder } = this.#target
    if (!this.#files.has(from)) {
      throw new PullRefused(
        `${path} in the archive is a link to ${from}, which is no file; refused`,
      )
    }
    const full = join(folder, path)
    await writing(full, async () => {
      await mkdir(dirname(full), { recursive: true })
      await copyFile(join(folder, from), full)
    })
    this.#files.add(path)
  }

  async #file(path: string, entry: Entry): Promise<void> {
    const full = join(this.#target.folder, path)
    await writing(full, () => mkdir(dirname(full), { recursive: true }))
    const file = createWriteStream(full, { flags: 'w' })
    let failure: unknown
    file.once('error', error => {
      failure = error
    })
    try {
      await pipeline(entry, file)
    } catch (error) {
      throw failure === undefined ? error : new StorageWriteFailed(full, failure)
    }
    if (((entry.header.mode ?? 0) & 0o100) !== 0) await writing(full, () => chmod(full, 0o755))
    this.#files.add(path)
  }
}

/** A path without the top folder of the archive. */
function below(name: string): string {
  return name.replace(/^(?:\.\/)*[^/]*\/?(?:\.\/)*/, '').replace(/\/+$/, '')
}

async function writing(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new StorageWriteFailed(path, error)
  }
}

/** Everything below a folder on disk. */
async function flushAll(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const stats = await lstat(path)
    if (stats.isDirectory()) await flushAll(path)
    else if (stats.isFile()) {
      const file = await open(path, 'r')
      await file.sync().finally(() => file.close())
    }
  }
  await flushFolder(folder)
}
