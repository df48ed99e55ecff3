/** What an operator chooses for a run of the archiver, and what the run tells. */

import type { ProvenanceField } from '../domain/provenance.ts'

/** What an operator may choose. */
export interface CreateOptions {
  /** Registry paths; none = everything. */
  readonly registryPaths: readonly string[]
  /** Archive again what is archived. */
  readonly force?: boolean
  /** Threads; one for each processor when it is not given. */
  readonly jobs?: number
  /** Write the alias-named archives too, for a refgenieserver that serves this folder. */
  readonly legacyFiles?: boolean
  /** Genome digest or alias → description. */
  readonly descriptions?: ReadonlyMap<string, string>
  /** Fields of the provenance that each tag must have. */
  readonly require?: readonly ProvenanceField[]
  readonly onEvent?: (event: ArchiveEvent) => void
  readonly signal?: AbortSignal
}

/** What happens, for progress bars, logs and programs. */
export type ArchiveEvent =
  | {
      readonly event: 'planned'
      readonly create: number
      readonly views: number
      readonly skip: number
    }
  | { readonly event: 'begin'; readonly archive: string; readonly bytes: number }
  | { readonly event: 'progress'; readonly archive: string; readonly bytes: number }
  | {
      readonly event: 'archived'
      readonly archive: string
      readonly bytes: number
      readonly packed: number
    }
  | { readonly event: 'views'; readonly archive: string; readonly reason: string }
  | { readonly event: 'warning'; readonly archive: string; readonly message: string }
  | { readonly event: 'failed'; readonly archive: string; readonly error: Error }

/** How a run ended. */
export interface CreateSummary {
  readonly archived: number
  readonly views: number
  readonly skipped: number
  readonly failed: number
  /** Bytes of the files that were packed, and of their archives. */
  readonly plainBytes: number
  readonly packedBytes: number
}
