/** Is a tag ready to be archived: has its build ended, and do its seek keys lead to something. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import type { SourceTree } from './source-tree.ts'

/**
 * Why the build in a tag folder has not ended; undefined when it has, or when nothing says how it went (`refgenie add`).
 * The flags are those of the build tool: `…_running.flag`, `…_failed.flag`, `…_completed.flag`.
 */
export async function whyUnbuilt(tagFolder: string): Promise<string | undefined> {
  const names = await readdir(join(tagFolder, '_refgenie_build')).catch(() => [])
  const states = names.flatMap(name => /_([a-z]+)\.flag$/.exec(name)?.[1] ?? [])
  if (states.includes('completed')) return undefined
  if (states.includes('running')) return 'its build is running'
  if (states.includes('failed')) return 'its build has failed; build it again'
  const broken = states.find(state => state === 'waiting' || state === 'partial')
  return broken === undefined ? undefined : `its build is ${broken}`
}

/** Why a tag cannot be archived, as far as its attributes and files tell; undefined when it can. */
export function whyIncomplete({ tag }: CatalogueEntry, tree: SourceTree): string | undefined {
  const files = tree.entries.filter(entry => entry.type !== 'folder')
  if (files.length === 0) return `${tree.root} has no files`
  for (const [key, path] of Object.entries(tag.seekKeys)) {
    const wanted = normal(path)
    if (wanted === '') continue
    // A seek key may be the begin of file names (`bowtie2_index: <digest>`) or a folder.
    const found = tree.entries.filter(entry => entry.path.startsWith(wanted))
    if (found.length === 0) return `seek key '${key}' leads to ${path}, which is not there`
    const exact = found.find(entry => entry.path === wanted)
    const empty = exact?.type === 'file' ? exact.size === 0 : found.every(isEmptyFile)
    if (empty) return `seek key '${key}' leads to ${path}, which is empty`
  }
  return undefined
}

function isEmptyFile({ type, size }: { type: string; size: number }): boolean {
  return type !== 'link' && size === 0
}

function normal(path: string): string {
  return path
    .replace(/^(?:\.\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
}
