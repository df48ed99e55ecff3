/** Digests of the assets that others were made of, each asked for once (API v3). */
import { parseRegistryPath } from '../domain/registry-path.ts'
import type { Network } from '../transfer/network.ts'
import { textIn } from './answer-shape.ts'
import { orMissing } from './server-genomes.ts'

/** See the head of this file. */
export class ParentDigests {
  readonly #server: string
  readonly #network: Network
  readonly #told = new Map<string, string>()
  readonly #known = new Map<string, Promise<string | undefined>>()

  constructor(server: string, network: Network) {
    this.#server = server
    this.#network = network
  }

  /** Takes a digest that was told along with something else. */
  note(path: string, digest: string): void {
    this.#told.set(path, digest)
  }

  /** Digest by registry path (`digest/asset:tag`), of those that the server knows. */
  async of(parents: readonly string[]): Promise<Record<string, string>> {
    const digests = await Promise.all(
      parents.map(async path => [path, this.#told.get(path) ?? (await this.#of(path))]),
    )
    return Object.fromEntries(digests.filter(([, digest]) => digest !== undefined))
  }

  #of(path: string): Promise<string | undefined> {
    let asked = this.#known.get(path)
    if (asked === undefined) {
      asked = this.#ask(path)
      this.#known.set(path, asked)
    }
    return asked
  }

  async #ask(path: string): Promise<string | undefined> {
    const { genome, asset, tag } = parseRegistryPath(path) ?? {}
    if (genome === undefined || asset === undefined || tag === undefined) return undefined
    const url = `${this.#server}/v3/assets/asset_digest/${genome}/${asset}?tag=${encodeURIComponent(tag)}`
    const content = await orMissing(this.#network.bytes(url))
    const digest = content && textIn(content)
    return /^[0-9a-f]{32}$/.test(digest ?? '') ? digest : undefined
  }
}
