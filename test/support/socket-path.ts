/** A place for a Unix socket: the paths of sockets have to be short (107 bytes), and folders of tests need not be. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A path that nobody uses; its folder is removed with the test. */
export async function socketPath(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return join(folder, 's')
}
