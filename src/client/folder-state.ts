/** What a folder of pulled assets was like before several of them were placed together, so that all of it can be taken back. */
import { lstat, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { withConfigLock } from '../config/config-lock.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { HIDDEN_FOLDER } from './placed-record.ts'
import { askedGenome } from './plain-names.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** See the head of this file. */
export class FolderState {
  readonly #folder: string
  readonly #config: string
  readonly #text: string | undefined
  readonly #paths: ReadonlySet<string>
  /** The config as the last asset has left it. */
  #after: string | undefined

  private constructor(
    folder: string,
    config: string,
    text: string | undefined,
    paths: readonly string[],
  ) {
    this.#folder = folder
    this.#config = config
    this.#text = text
    this.#after = text
    this.#paths = new Set(paths)
  }

  /**
   * The present state.
   *
   * @param folder - absolute path of the genome folder, or of the folder of a plain layout; it may not exist
   * @param config - absolute path of the genome config; it may not exist
   */
  static async of(folder: string, config: string): Promise<FolderState> {
    return new FolderState(folder, config, await textOf(config), await pathsIn(folder))
  }

  /** An asset was placed by us. */
  async placed(): Promise<void> {
    this.#after = await textOf(this.#config)
  }

  /**
   * Takes back what was placed since. False when somebody else has changed the config meanwhile: then everything stays.
   *
   * @param assets - what was to be placed; none of them was there before
   */
  async undo(assets: readonly RemoteAsset[]): Promise<boolean> {
    const now = await textOf(this.#config)
    // A config that was not there is made for the first asset, also when that fails.
    const isMadeNow = this.#text === undefined && this.#after === undefined
    if (now !== this.#after && now !== this.#text && !isMadeNow) return false
    if (now !== this.#text) await this.#restoreConfig()
    const ours = assets.flatMap(placesOf)
    const isOurs = (path: string) => ours.some(it => path === it || path.startsWith(`${it}/`))
    // What is deepest goes first.
    const appeared = (await pathsIn(this.#folder)).filter(path => !this.#paths.has(path)).reverse()
    for (const path of appeared) {
      const full = join(this.#folder, path)
      const stats = await lstat(full).catch(() => undefined)
      if (stats?.isDirectory() === true) await rmdir(full).catch(unlessInUse)
      else if (isOurs(path)) await rm(full, { force: true })
    }
    return true
  }

  #restoreConfig(): Promise<void> {
    return withConfigLock(this.#config, async () => {
      if (this.#text === undefined) await rm(this.#config, { force: true })
      else await replaceFile(this.#config, this.#text)
    })
  }
}

/** Where something of an asset can be in a folder, in every layout. */
function placesOf(asset: RemoteAsset): string[] {
  const { digest, aliases } = asset.genome
  const { name } = asset.asset
  const places = [`${digest}/${name}`, `${askedGenome(asset)}/${name}`, asset.archive.md5]
  const flat = [...places, ...places.map(place => `${place}__${asset.tag}`)]
  const records = [...flat, ...flat.map(place => `${place}.json`)].map(
    place => `${HIDDEN_FOLDER}/records/${place}`,
  )
  const below = [...flat, ...records]
  const links = [digest, askedGenome(asset), ...aliases].map(alias => `alias/${alias}`)
  return [...below, ...below.map(place => `data/${place}`), ...links]
}

async function pathsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names.sort()
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

function unlessInUse(error: unknown): void {
  const { code = '' } = error as NodeJS.ErrnoException
  if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error
}
