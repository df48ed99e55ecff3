/** What lies below a folder, for comparison. */
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from './remote-files.ts'

/** Content by path: `folder`, the target of a link, or digest and executable bit of a file. The notes of refgenie about a build are left out. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (name.startsWith('_refgenie_build')) continue
    const path = join(folder, name)
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) tree[name] = `-> ${await readlink(path)}`
    else if (stats.isDirectory()) tree[name] = 'folder'
    else tree[name] = `${digestOf('sha256', await readFile(path))} ${stats.mode & 0o100}`
  }
  return tree
}
