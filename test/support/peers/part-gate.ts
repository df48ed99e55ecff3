/** Where the parts of an upload are stopped, so that a program can be killed half-way for certain, however fast it or the store is. */
import { readdir, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'

/** See the head of this file. */
export class PartGate {
  #places = Number.POSITIVE_INFINITY
  #open = 0
  #name = ''
  #full: () => void = () => {}

  /** Lets so many parts of objects with this in their names through, and none after them; resolves once the store has answered them all. */
  close(after: number, name = ''): Promise<void> {
    this.#name = name
    this.#places = after
    this.#open = after
    return new Promise(done => {
      this.#full = done
    })
  }

  /** All may pass again. */
  open(): void {
    this.#places = Number.POSITIVE_INFINITY
  }

  /** False when a request has to stay: it is never to be answered. */
  lets({ method, url = '' }: IncomingMessage, answer: ServerResponse): boolean {
    if (method !== 'PUT' || !/[?&]partNumber=/i.test(url) || !url.includes(this.#name)) return true
    if (this.#places === 0) return false
    this.#places -= 1
    answer.once('finish', () => {
      if (answer.statusCode !== 200) this.#places += 1
      else this.#open -= 1
      if (this.#open === 0) this.#full()
    })
    return true
  }
}

/** Sizes, in bytes, of the parts of unfinished uploads that a bucket holds. */
export async function partsIn(bucketFolder: string): Promise<number[]> {
  const all = await readdir(bucketFolder, { recursive: true })
  const parts = all.filter(name => /multipart.*\/\d+$/.test(name))
  return Promise.all(parts.map(async part => (await stat(join(bucketFolder, part))).size))
}
