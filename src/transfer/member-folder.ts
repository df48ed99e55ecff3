/** The folder that an archive is unpacked into: its files, folders and links, each checked before it is written. */
import { constants } from 'node:fs'
import { chmod, mkdir, open, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { IndexEntry } from '../archive/member-index.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { mustNotClimbOverLinks, safeLinkTarget, safePath } from './safe-path.ts'

/** What is written of an archive. */
export type Members = readonly IndexEntry[]

/** See the head of this file. */
export class MemberFolder {
  readonly folder: string
  readonly #members: Members

  /**
   * @param folder - absolute path
   * @throws PullRefused for paths and links that lead out of it, or stand twice
   */
  constructor(folder: string, members: Members) {
    this.folder = folder
    this.#members = members
    mustBeSafe(members)
  }

  /** Makes all folders and empty files. Throws StorageWriteFailed. */
  async prepare(): Promise<void> {
    const made = new Set<string>()
    const make = async (path: string) => {
      if (made.has(path)) return
      made.add(path)
      await mkdir(join(this.folder, path), { recursive: true })
    }
    await this.#writing(async () => {
      await make('')
      for (const entry of this.#members) {
        if (entry.type === 'folder') await make(entry.path)
        else if (entry.path.includes('/')) await make(dirname(entry.path))
        if (entry.type === 'file' && entry.size === 0) await this.#created(entry)
      }
    })
  }

  /** Writes bytes of a file. Throws StorageWriteFailed. */
  async write(path: string, position: number, buffers: readonly Buffer[]): Promise<void> {
    await this.#writing(async () => {
      const file = await open(join(this.folder, path), WRITE_OR_CREATE, 0o644)
      try {
        let at = position
        for (const buffer of buffers) {
          for (let from = 0; from < buffer.length; ) {
            const { bytesWritten } = await file.write(buffer, from, buffer.length - from, at)
            from += bytesWritten
            at += bytesWritten
          }
        }
      } finally {
        await file.close()
      }
    })
  }

  /** Ends it: modes, links, and everything on disk. Throws StorageWriteFailed. */
  async finish(): Promise<void> {
    await this.#writing(async () => {
      const folders = new Set([this.folder])
      for (const entry of this.#members) {
        const path = join(this.folder, entry.path)
        if (entry.type === 'link') await this.#link(path, entry.target)
        else if (entry.type === 'file') await flushed(path, entry.executable === true)
        folders.add(entry.type === 'folder' ? path : dirname(path))
      }
      for (const folder of folders) await flushFolder(folder)
    })
  }

  async #created({ path }: { path: string }): Promise<void> {
    const file = await open(join(this.folder, path), WRITE_OR_CREATE, 0o644)
    await file.close()
  }

  /** A link of an earlier run is the same one. */
  async #link(path: string, target: string): Promise<void> {
    if ((await readlink(path).catch(() => undefined)) === target) return
    await symlink(target, path)
  }

  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      throw new StorageWriteFailed(this.folder, error)
    }
  }
}

// Written at any position, made when it is not there, never emptied: 'r+' would not make it, 'w' would empty it.
const WRITE_OR_CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW

async function flushed(path: string, executable: boolean): Promise<void> {
  if (executable) await chmod(path, 0o755)
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}

/** Nothing may lie below a link, and nothing twice at a place: else one entry decides where another one goes. */
function mustBeSafe(members: Members): void {
  const taken = new Map<string, IndexEntry['type']>()
  for (const entry of members) {
    const path = safePath(entry.path)
    if (taken.has(path)) throw new PullRefused(`the archive has ${path} twice; refused`)
    taken.set(path, entry.type)
    if (entry.type === 'link') safeLinkTarget(path, entry.target)
  }
  const links = members.flatMap(entry => (entry.type === 'link' ? [entry] : []))
  mustNotClimbOverLinks(new Map(links.map(({ path, target }) => [path, target])), taken.keys())
  for (const path of taken.keys()) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) {
      if ((taken.get(at) ?? 'folder') === 'folder') continue
      throw new PullRefused(`the archive has ${path} below ${at}, which is no folder; refused`)
    }
  }
}
