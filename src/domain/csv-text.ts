/** Rows as CSV. */

/** RFC 4180, but with plain line ends. */
export function csvText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return [head, ...rows].map(row => `${row.map(cell).join(',')}\n`).join('')
}
