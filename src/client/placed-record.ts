/** What was put where: one small JSON file for each asset, in `.refdepot/records` of the folder. Never holds credentials. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Static } from '@sinclair/typebox'
import { StorageFailed, StorageWriteFailed } from '../domain/errors.ts'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import { replaceFile } from '../storage/replace-file.ts'

/** Name of the folder, beside what was placed, with records, locks and what is being fetched. */
export const HIDDEN_FOLDER = '.refdepot'

const FILE = Type.Object({
  /** Below the folder of the asset. */
  path: Type.String(),
  /** Bytes. */
  size: Type.Integer({ minimum: 0 }),
  /** hex; absent where the server told none. */
  sha256: Type.Optional(Type.String()),
})

const RECORD = Type.Object({
  format: Type.Literal('refdepot-placed'),
  version: Type.Literal(1),
  /** As it was asked for. */
  registry_path: Type.String(),
  genome: Type.Object({
    digest: Type.String(),
    aliases: Type.Array(Type.String()),
    description: Type.Optional(Type.String()),
  }),
  asset: Type.String(),
  tag: Type.String(),
  default_tag: Type.String(),
  /** An unpacked folder, or the archive as it is. */
  form: Type.Union([Type.Literal('folder'), Type.Literal('archive')]),
  /** Path below the folder that holds {@link HIDDEN_FOLDER}. */
  place: Type.String(),
  /** Address without user, password and query. */
  server: Type.String(),
  archive: Type.Object({
    md5: Type.String(),
    sha256: Type.Optional(Type.String()),
    size: Type.Integer({ minimum: 0 }),
  }),
  asset_digest: Type.Optional(Type.String()),
  seek_keys: Type.Record(Type.String(), Type.String()),
  /** Regular files of the folder; empty for an archive. */
  files: Type.Array(FILE),
  /** ISO time. */
  placed_at: Type.String(),
})

/** A record as it lies on disk. */
export type PlacedRecord = Static<typeof RECORD>

/** The folder of the records below a root. */
function recordsFolder(root: string): string {
  return join(root, HIDDEN_FOLDER, 'records')
}

/** The record of a place; undefined when there is none that can be read. */
export async function readRecord(root: string, place: string): Promise<PlacedRecord | undefined> {
  const record = await recordIn(join(recordsFolder(root), `${place}.json`))
  return record?.place === place ? record : undefined
}

/** Every record below a root, ordered by place; what is no record is passed over. */
export async function readRecords(root: string): Promise<PlacedRecord[]> {
  const folder = recordsFolder(root)
  const names = await readdir(folder, { recursive: true }).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new StorageFailed(folder, error)
  })
  const records: PlacedRecord[] = []
  for (const name of names.filter(each => each.endsWith('.json')).sort()) {
    const record = await recordIn(join(folder, name))
    if (record !== undefined && `${record.place}.json` === name) records.push(record)
  }
  return records
}

/**
 * Writes the record of a place.
 *
 * @throws StorageWriteFailed
 */
export async function writeRecord(root: string, record: PlacedRecord): Promise<void> {
  const path = join(recordsFolder(root), `${record.place}.json`)
  await mkdir(dirname(path), { recursive: true }).catch(error => {
    throw new StorageWriteFailed(path, error)
  })
  await replaceFile(path, `${JSON.stringify(record, null, 1)}\n`)
}

/** An address as records keep it: without what may be a secret. */
export function plainAddress(address: string): string {
  if (!URL.canParse(address)) return ''
  const url = new URL(address)
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  return url.href.replace(/\/$/, '')
}

async function recordIn(path: string): Promise<PlacedRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  try {
    const value: unknown = JSON.parse(text)
    return conforms(RECORD, value) ? value : undefined
  } catch {
    return undefined
  }
}
