/** Answers made of the catalogue, ready to be delivered; those for everybody are made once a catalogue. */
import type { Catalogue } from '../domain/catalogue.ts'
import { type Blob, memoryBlob } from '../storage/blob.ts'

/** A value as JSON. Without a charset, as the peer writes the type. */
export function json(value: unknown, mediaType = 'application/json'): Blob {
  return memoryBlob(JSON.stringify(value), mediaType)
}

/** A text without a line end. */
export function text(value: string): Blob {
  return memoryBlob(value, 'text/plain; charset=utf-8')
}

/** A table with tabs between its cells. */
export function table(value: string): Blob {
  return memoryBlob(value, 'text/tab-separated-values; charset=utf-8')
}

/** A page. */
export function html(value: string): Blob {
  return memoryBlob(value, 'text/html; charset=utf-8')
}

const made = new WeakMap<Catalogue, Map<string, Blob>>()

/** The answer of this name for this catalogue; `make` runs once, however many requests there are. */
export function once(catalogue: Catalogue, name: string, make: () => Blob): Blob {
  let answers = made.get(catalogue)
  if (answers === undefined) {
    answers = new Map()
    made.set(catalogue, answers)
  }
  let answer = answers.get(name)
  if (answer === undefined) {
    answer = make()
    answers.set(name, answer)
  }
  return answer
}
