/** Where files that were fetched go in an archive folder. */
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LEDGER_SUFFIX, ledgerText } from '../archive/digest-ledger.ts'
import type { Move } from '../archive/publish.ts'
import type { TakingFolder } from '../archive/take-tags.ts'
import type { FetchedTag } from './fetch-tag.ts'

/** What goes where. Where both digests of an archive are known their record is prepared too, so that no server need read the archive again. */
export async function movesOf({ files, index }: FetchedTag, place: TakingFolder): Promise<Move[]> {
  const moves = files.map(({ path, inFolder }) => ({
    from: path,
    to: join(place.archiveFolder, inFolder),
  }))
  const archive = files.find(({ kind }) => kind === 'archive')
  if (archive === undefined || index === undefined) return moves
  const { mtimeMs, ino, size } = await stat(archive.path)
  const record = archive.path + LEDGER_SUFFIX
  const identity = { size, modifiedMs: mtimeMs, inode: String(ino) }
  await writeFile(record, ledgerText(identity, index.archive), { flush: true })
  return [
    ...moves,
    { from: record, to: join(place.archiveFolder, archive.inFolder) + LEDGER_SUFFIX },
  ]
}
