/** Addresses of PostgreSQL databases. */

/** True for the address of a PostgreSQL database. */
export function isPostgresUrl(place: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(place)
}

/** The address of a database without its password; anything else as it is. */
export function withoutPassword(place: string): string {
  return place.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@]*@/, '$1:[redacted]@')
}
