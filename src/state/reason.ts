/** What an error says of itself; databases that cannot be reached give a list of errors without a message of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(reasonOf).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}
