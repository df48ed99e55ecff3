/** The folder of a test in which servers and other programs write until its end. */
import { existsSync } from 'node:fs'
import type { Test } from 'tap'

/**
 * `t.testdir`, but it is removed behind every teardown of the test: what has written there has ended by then.
 *
 * tap removes the folder before the first teardown when the test has made it before it has registered one (`@tapjs/fixture` and `@tapjs/after`
 * hook into the end of a test when they are first called, and act in that order). The removal fails with ENOTEMPTY when a living server writes in
 * that moment, and no teardown runs then.
 */
export function folderRemovedLast(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {
    if (!existsSync(folder)) throw new Error(`${folder} was removed before the teardowns`)
  })
  const folder = t.testdir(content)
  return folder
}
