/** The genome config of a folder that assets are pulled into: read without a lock, changed under the lock of all refgenie tools. */

import { mkdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { changedGenomes, type GenomeChange } from '../config/change-genomes.ts'
import { ConfigUnreadable } from '../config/config-error.ts'
import { withConfigLock } from '../config/config-lock.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { rawConfigIn, readRawConfig } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { replaceFile } from '../storage/replace-file.ts'

// As long as the Python tools wait.
const LOCK_MS = 60_000

/** See the head of this file. */
export class ClientConfig {
  /** Absolute. */
  readonly file: string
  readonly #servers: readonly string[] | undefined
  #read: { readonly state: string; readonly raw: RawConfig } | undefined

  /** @param servers - set when the config may be missing: then `create` makes it, subscribed to these */
  constructor(file: string, servers?: readonly string[]) {
    this.file = resolve(file)
    this.#servers = servers
  }

  /**
   * What the file says now.
   *
   * @throws ConfigUnreadable, ConfigInvalid
   */
  async read(): Promise<RawConfig> {
    const stats = await stat(this.file, { bigint: true }).catch(() => undefined)
    const state = `${stats?.ino} ${stats?.size} ${stats?.mtimeNs}`
    if (this.#read?.state === state) return this.#read.raw
    if (stats === undefined && this.#servers !== undefined) return this.#fresh([])
    const raw = await readRawConfig(this.file)
    this.#read = { state, raw }
    return raw
  }

  /** Makes the file, with the folders `data` and `alias`, as `refgenie init` does; one that is there stays. */
  async create(server: string): Promise<void> {
    if (this.#servers === undefined || (await this.#isThere())) return
    const subscribed = this.#servers
    const folder = dirname(this.file)
    try {
      for (const name of ['data', 'alias']) await mkdir(join(folder, name), { recursive: true })
    } catch (error) {
      throw new StorageWriteFailed(folder, error)
    }
    await withConfigLock(
      this.file,
      async () => {
        // Another process may have been faster.
        if (await this.#isThere()) return
        const servers = subscribed.length > 0 ? subscribed : [server]
        await replaceFile(this.file, formatGenomeConfig(this.#fresh(servers)))
      },
      { waitMs: LOCK_MS },
    )
  }

  /**
   * Changes the file, nobody else writing it meanwhile.
   *
   * @param changes - made of what the file says then
   * @throws ConfigLocked, StorageWriteFailed, ConfigInvalid
   */
  async change(changes: (raw: RawConfig) => readonly GenomeChange[]): Promise<void> {
    await withConfigLock(
      this.file,
      async () => {
        const text = await readFile(this.file, 'utf8').catch(error => {
          throw new ConfigUnreadable(this.file, error)
        })
        const wanted = changes(rawConfigIn(text, this.file))
        if (wanted.length > 0) await replaceFile(this.file, changedGenomes(text, wanted))
      },
      { waitMs: LOCK_MS },
    )
  }

  #isThere(): Promise<boolean> {
    return stat(this.file).then(
      () => true,
      () => false,
    )
  }

  #fresh(servers: readonly string[]): RawConfig {
    const folder = dirname(this.file)
    const genome_servers = servers.map(server => server.replace(/\/+$/, ''))
    return { config_version: '0.4', genome_folder: folder, genome_servers, genomes: {} }
  }
}

/** The genome folder of a config, absolute; `~` and variables are replaced as the Python tools do. */
export function genomeFolderOf(raw: RawConfig, file: string): string {
  const written = raw.genome_folder ?? '.'
  const expanded = written
    .replace(/^~(?=\/|$)/, homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (all, plain, braced) => process.env[plain ?? braced] ?? all)
  return resolve(dirname(file), expanded)
}
