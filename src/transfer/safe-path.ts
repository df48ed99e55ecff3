/** Paths that come from a server become paths of files here: none of them may lead out of its folder. */
import { posix } from 'node:path'
import { PullRefused } from '../domain/transfer-errors.ts'

/**
 * A path of an archive as it may be written.
 *
 * @throws PullRefused when it is absolute, climbs, is empty or holds what no name holds
 */
export function safePath(path: string): string {
  const parts = path.split('/')
  const isPlain = parts.every(part => part !== '' && part !== '.' && part !== '..')
  if (isPlain && !/[\0\\]/.test(path)) return path
  throw new PullRefused(`the archive has a file with the name ${JSON.stringify(path)}; refused`)
}

/**
 * The target of a link as it may be written.
 *
 * @param path - of the link, below the folder
 * @throws PullRefused when the target is not within the folder
 */
export function safeLinkTarget(path: string, target: string): string {
  if (staysInside(path, target)) return target
  throw new PullRefused(`the link ${path} of the archive leads out of it, to ${target}; refused`)
}

/** True when a link leads to something within its folder. */
export function staysInside(path: string, target: string): boolean {
  const at = posix.normalize(posix.join(posix.dirname(path), target))
  if (target === '' || target.includes('\0') || posix.isAbsolute(target)) return false
  return at !== '..' && !at.startsWith('../')
}

/**
 * Refuses links that could lead out of the folder by way of other links: one that lies below another, and one that climbs behind another. `..` behind a link
 * leaves the folder that the link leads to, not the one in which it stands, so that the text of a target alone does not tell where it ends.
 *
 * @param links - path → target, each of which stays inside by itself
 * @param paths - of everything else in the archive
 * @throws PullRefused
 */
export function mustNotClimbOverLinks(
  links: ReadonlyMap<string, string>,
  paths: Iterable<string>,
): void {
  // Some file systems do not tell upper case from lower case.
  const keys = new Set([...links.keys()].map(keyOf))
  for (const path of [...paths, ...links.keys()]) {
    for (let at = posix.dirname(path); at !== '.'; at = posix.dirname(at)) {
      if (!keys.has(keyOf(at))) continue
      throw new PullRefused(`the archive has ${path} below ${at}, which is no folder; refused`)
    }
  }
  for (const [path, target] of links) {
    if (!climbsBehindLink(path, target, keys)) continue
    throw new PullRefused(
      `the link ${path} of the archive climbs behind another link, to ${target}; refused`,
    )
  }
}

function climbsBehindLink(path: string, target: string, links: ReadonlySet<string>): boolean {
  let at = posix.dirname(path)
  let isBehind = false
  for (const name of target.split('/')) {
    if (name === '..' && isBehind) return true
    at = posix.join(at, name)
    isBehind ||= links.has(keyOf(at))
  }
  return false
}

function keyOf(path: string): string {
  return path.normalize('NFC').toLowerCase()
}
