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
  const waiting = [...items]
  const failures: unknown[] = []
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      await action(item).catch(error => {
        waiting.length = 0
        failures.push(error)
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}
