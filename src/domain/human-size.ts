/** Sizes as refgenieserver writes them into its config. */

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'] as const
const STEP = 1024

/**
 * A byte count as refgenieserver writes it: base 1024, two decimals, a blank, the unit (`12.83 KB`).
 *
 * @param bytes - number of bytes, 0 or more
 */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP
    unit += 1
  }
  return `${value.toFixed(2)} ${UNITS[unit]}`
}

/**
 * The byte count a human size stands for, rounded; undefined when the text is no size.
 * Only as exact as the two decimals allow, so never use it to check a file.
 */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMGTPEZY]?B)\s*$/i.exec(text)
  if (match === null) return undefined
  const unit = (UNITS as readonly string[]).indexOf(String(match[2]).toUpperCase())
  return Math.round(Number(match[1]) * STEP ** unit)
}
