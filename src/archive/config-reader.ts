/** Reads configs, and keeps what was read: in memory while the file stays the same, and as a snapshot for the next start. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigUnreadable } from '../config/config-error.ts'
import { type GenomeConfig, parseGenomeConfig } from '../config/genome-config.ts'
import { RefdepotError } from '../domain/errors.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { decodeSnapshot, encodeSnapshot, type SnapshotKey } from './config-snapshot.ts'
import { OWN_FOLDER } from './run-folder.ts'

// Whoever may not read the config must not read it here.
const MODE = 0o600
const PIECE = 1024 * 1024

/** Where a reader looks for snapshots. */
export interface ConfigReaderOptions {
  /** Version of refdepot. */
  readonly version: string
  /** False to work without snapshots. */
  readonly keeps: boolean
  /** Folder of the snapshots; without it, `.refdepot` beside the config. */
  readonly folder?: string
}

interface Kept {
  readonly key: SnapshotKey
  readonly config: GenomeConfig
  /** True when it was read from a snapshot, or is in one by now. */
  isKept: boolean
}

/** Reads configs; what is said at the head of this file. */
export class ConfigReader {
  readonly #options: ConfigReaderOptions
  readonly #known = new Map<string, Kept>()
  readonly #notes: string[] = []

  constructor(options: ConfigReaderOptions) {
    this.#options = options
  }

  /** What an operator should know of the snapshots, one sentence each; each is told once. */
  takeNotes(): string[] {
    return this.#notes.splice(0)
  }

  /**
   * Reads and checks a genome config, as `readGenomeConfig` does.
   *
   * @throws ConfigUnreadable when the file cannot be read
   * @throws ConfigInvalid naming file, line, key and what is allowed
   */
  async read(path: string): Promise<GenomeConfig> {
    const file = resolve(path)
    try {
      return (await this.#recalled(file)) ?? (await this.#parsed(file))
    } catch (error) {
      throw error instanceof RefdepotError ? error : new ConfigUnreadable(file, error)
    }
  }

  /**
   * Writes snapshots of the configs that were read.
   *
   * @param archiveFolder - the folder that is served: without a folder of its own, a server writes into no other one
   * @throws StorageWriteFailed
   */
  async keep(archiveFolder: string): Promise<void> {
    for (const [file, known] of this.#options.keeps ? this.#known : []) {
      if (known.isKept) continue
      const { folder } = this.#options
      if (folder === undefined && dirname(file) !== resolve(archiveFolder)) continue
      const path = this.#pathOf(file)
      await mkdir(dirname(path), { recursive: true })
      await replaceFile(path, await encodeSnapshot(known.key, known.config), MODE)
      known.isKept = true
    }
  }

  /** The config, when this text was read before. */
  async #recalled(file: string): Promise<GenomeConfig | undefined> {
    const key = await this.#keyed(file, handle => hashInPieces(handle))
    const known = this.#known.get(file)
    if (known !== undefined && isSame(known.key, key)) return known.config
    const config = await this.#fromSnapshot(key)
    if (config !== undefined) this.#known.set(file, { key, config, isKept: true })
    return config
  }

  async #parsed(file: string): Promise<GenomeConfig> {
    let text = ''
    const key = await this.#keyed(file, async handle => {
      const bytes = await handle.readFile()
      text = bytes.toString('utf8')
      return createHash('sha256').update(bytes).digest('hex')
    })
    const config = parseGenomeConfig(text, file)
    this.#known.set(file, { key, config, isKept: false })
    return config
  }

  async #keyed(file: string, hash: (handle: FileHandle) => Promise<string>): Promise<SnapshotKey> {
    const handle = await open(file, 'r')
    try {
      const { size, mtimeNs, ino } = await handle.stat({ bigint: true })
      const { version } = this.#options
      return { version, file, identity: `${size}-${mtimeNs}-${ino}`, text: await hash(handle) }
    } finally {
      await handle.close()
    }
  }

  /** A snapshot that is damaged or cannot be read is only a pity. */
  async #fromSnapshot(key: SnapshotKey): Promise<GenomeConfig | undefined> {
    if (!this.#options.keeps) return undefined
    const path = this.#pathOf(key.file)
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') this.#notes.push(`cannot read ${path}: ${error.message}`)
      return undefined
    })
    const config = bytes === undefined ? 'stale' : decodeSnapshot(key, bytes)
    if (config === 'damaged') {
      this.#notes.push(`the snapshot ${path} is damaged; the config was read anew`)
    }
    return typeof config === 'string' ? undefined : config
  }

  #pathOf(file: string): string {
    const folder = this.#options.folder ?? join(dirname(file), OWN_FOLDER)
    const name = createHash('sha256').update(file).digest('hex').slice(0, 16)
    return join(folder, `config-${name}.snapshot`)
  }
}

function isSame(a: SnapshotKey, b: SnapshotKey): boolean {
  return a.identity === b.identity && a.text === b.text
}

/** Without the whole text in memory: most often the snapshot knows it. */
async function hashInPieces(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(PIECE)
  let at = 0
  for (let ended = false; !ended; ) {
    const { bytesRead } = await handle.read(piece, 0, PIECE, at)
    hash.update(piece.subarray(0, bytesRead))
    at += bytesRead
    ended = bytesRead === 0
  }
  return hash.digest('hex')
}
