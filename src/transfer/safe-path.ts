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
