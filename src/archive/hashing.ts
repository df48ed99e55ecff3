/** Who computes digests of archives: threads of this process, or another process that does it for several. */
import { ArchivePool } from './archive-pool.ts'
import type { ViewOrder } from './archive-worker.ts'
import { DigestThread } from './digest-thread.ts'
import type { FileDigests } from './file-digests.ts'
import type { ViewDigests } from './member-index.ts'

/** A view to be hashed: an archive on disk, and how its entries are named. */
export type ViewToHash = Omit<ViewOrder, 'kind'>

/** Computes digests. */
export interface Hashing {
  /**
   * Digests of a file.
   *
   * @param path - absolute
   * @throws StorageFailed
   */
  digests(path: string): Promise<FileDigests>
  /** Digests of a view of an archive. Throws errors of the file system. */
  viewDigests(view: ViewToHash): Promise<ViewDigests>
  /** Ends it; what is being hashed fails. */
  stop(): Promise<void>
}

/** Threads of this process: one for files, one for views of archives whose index lacks them. Neither runs before it is needed. */
export class HashingThreads implements Hashing {
  readonly #files = new DigestThread()
  readonly #views = new ArchivePool(1)

  digests(path: string): Promise<FileDigests> {
    return this.#files.digests(path)
  }

  viewDigests(view: ViewToHash): Promise<ViewDigests> {
    return this.#views.viewDigests(view)
  }

  async stop(): Promise<void> {
    await this.#files.stop()
    await this.#views.stop()
  }
}
