/** What is known of downloads that are not complete, while there is no state to keep it in. */
import {
  type DownloadPart,
  type DownloadProgress,
  mergeParts,
} from '../../domain/download-progress.ts'
import type { DownloadDay } from '../../state/download-store.ts'

// Beyond these the oldest are forgotten.
const MOST_CLIENTS = 20_000
const KEPT_MS = 86_400_000

/** Keeps the progress of clients by their names. */
export class PartialMemory {
  // The one that was touched last stands last.
  readonly #known = new Map<string, DownloadProgress>()

  /** Merges parts; answers the downloads that are complete now. */
  merge(parts: readonly DownloadPart[], now = Date.now()): DownloadDay[] {
    const completed: DownloadDay[] = []
    mergeParts(this.#known, parts, ({ archive, day }, downloads) =>
      completed.push({ archive, day, downloads, bytes: 0 }),
    )
    for (const [key, { endedAt }] of this.#known) {
      if (this.#known.size <= MOST_CLIENTS && now - endedAt <= KEPT_MS) break
      this.#known.delete(key)
    }
    return completed
  }

  /** What is known, to be merged elsewhere: bytes only, since answers in pairs were counted when they were merged here. */
  parts(): DownloadPart[] {
    return [...this.#known].flatMap(([key, progress]) => {
      const [client = '', archive = '', view = ''] = key.split('\n')
      if (progress.covered.length === 0) return []
      const day = new Date(progress.endedAt).toISOString().slice(0, 10)
      const bytes = { ...progress, begun: 0, arrived: 0 }
      return [{ clients: [client], archive, view, day, progress: bytes }]
    })
  }

  /** Forgets everything. */
  clear(): void {
    this.#known.clear()
  }
}
