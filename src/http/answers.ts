/** Values and texts as answers, ready to be delivered; `AnswerMemory` keeps those that are asked for again. */
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
