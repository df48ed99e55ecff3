/** Works on several things at a time. */

/**
 * Runs an action for each item, at most so many at a time. After a failure nothing new is begun, what runs is waited for.
 *
 * @throws what the first action has thrown that failed
 */
export async function inParallel<T>(
  items: readonly T[],
  most: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  // Not taken off the front of a list: with 100,000 items each of them would move all others.
  const waiting = items.values()
  const failures: unknown[] = []
  const worker = async () => {
    for (const item of waiting) {
      await action(item).catch(error => {
        failures.push(error)
      })
      if (failures.length > 0) return
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}
