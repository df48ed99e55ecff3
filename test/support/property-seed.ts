/** Where tests with random values begin. */
import type { Test } from 'tap'

const USUAL = 20_261_121

/**
 * The seed of a test with random values: the same one in ordinary runs, so that what fails has to do with a change; another one each time with
 * `REFDEPOT_TEST_FULL=1`. It is told, so that a failure can be repeated.
 */
export function propertySeed(t: Test): number {
  const isFull = process.env.REFDEPOT_TEST_FULL === '1'
  const seed = isFull ? Math.floor(Math.random() * 2 ** 31) : USUAL
  t.comment(`seed ${seed}`)
  return seed
}
