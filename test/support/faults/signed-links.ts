/** Links as a store signs them: they count for a while, here for a number of requests. */

/** Word in every signature: it must appear nowhere but in requests. */
export const SIGNATURE = 'signature-that-is-a-right'

const LINK = /^\/link-(\d+)(\/.*)\?/

/** See the head of this file. */
export class SignedLinks {
  readonly #uses: number[] = []

  /** A link to a path that counts for so many requests. */
  make(path: string, uses: number): string {
    const id = this.#uses.push(uses) - 1
    return `/link-${id}${path}?X-Amz-Signature=${SIGNATURE}`
  }

  /** The path that an address is a link to, and whether the link counts once more; undefined when it is none. */
  use(address: string): { readonly path: string; readonly counts: boolean } | undefined {
    const [, id, path] = LINK.exec(address) ?? []
    if (path === undefined) return undefined
    const left = this.#uses[Number(id)] ?? 0
    this.#uses[Number(id)] = left - 1
    return { path, counts: left > 0 }
  }
}
