/** The oldest Node.js that the program runs on; the same as `engines` in package.json. */

/** Major, minor and patch. */
export const NODE_FLOOR = '20.19.0'

/** True for a version of Node.js below the floor, such as `18.20.1`. */
export function isTooOld(version: string): boolean {
  const [have, need] = [version, NODE_FLOOR].map(text => text.split('.').map(Number))
  const at = [0, 1, 2].find(part => have?.[part] !== need?.[part]) ?? 2
  return (have?.[at] ?? 0) < (need?.[at] ?? 0)
}
