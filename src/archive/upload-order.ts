/** What somebody wants to be published who sends an archive: one tag as a config has it, its index, and what lies beside it. */
import type { Static } from '@sinclair/typebox'
import { checkConfig } from '../config/check-config.ts'
import { parseGenomeConfig } from '../config/genome-config.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { type CatalogueEntry, entriesOf, registryPathOf } from '../domain/catalogue.ts'
import { isGenomeDigest, isMd5 } from '../domain/digest.ts'
import { LATEST } from '../domain/genome.ts'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import { UploadRefused } from '../domain/upload.ts'
import { formatIndex, type MemberIndex, parseIndex } from './member-index.ts'
import { findTag } from './server-record.ts'

const SIDE_FILE = Type.Optional(Type.String({ maxLength: 16 * 1024 * 1024 }))

// As it is sent.
const UPLOAD_ORDER = Type.Object(
  {
    /** `{genomes: {digest: {assets: {name: {tags: {name: …}}}}}}` with one tag. */
    config: Type.Object({ genomes: Type.Record(Type.String(), Type.Unknown()) }),
    index: Type.Object({}, { description: 'The member index (docs/format.md)' }),
    files: Type.Optional(Type.Object({ log: SIDE_FILE, recipe: SIDE_FILE, contents: SIDE_FILE })),
  },
  { description: 'an upload order: {config, index, files}' },
)

/** An order that was understood. */
export interface UploadOrder {
  readonly config: RawConfig
  readonly index: MemberIndex
  readonly files: NonNullable<Static<typeof UPLOAD_ORDER>['files']>
  /** The tag, as a catalogue has it. */
  readonly entry: CatalogueEntry
  /** Studies that it is to belong to. */
  readonly studies: readonly string[]
  /** True when everybody is to see it, by what the tag itself says. */
  readonly isOpened: boolean
}

/**
 * Reads an order.
 *
 * @throws UploadRefused saying what is wrong
 */
export function readUploadOrder(value: unknown): UploadOrder {
  if (!conforms(UPLOAD_ORDER, value)) {
    throw new UploadRefused('an archive', 'the order must be {config, index, files}')
  }
  const text = JSON.stringify(value.config)
  const config = onlyGenomes(soundConfig(value.config, text))
  const entry = onlyTag(config)
  const path = registryPathOf(entry)
  const index = parseIndex(formatIndex(value.index as MemberIndex))
  if (index === undefined) throw new UploadRefused(path, 'its index is none of this version')
  if (index.loose !== undefined) throw new UploadRefused(path, 'its files lie in no archive')
  const { archiveDigest, name } = entry.tag
  const isOwn =
    index.archive.md5 === archiveDigest &&
    isMd5(archiveDigest) &&
    index.genome === entry.genome.digest &&
    index.asset === entry.asset.name &&
    index.tag === name
  if (!isOwn) throw new UploadRefused(path, 'its index belongs to another archive or tag')
  const legacy = entry.tag.legacyArchiveDigest
  if (legacy !== '' && !Object.values(index.views.legacy).some(({ md5 }) => md5 === legacy)) {
    throw new UploadRefused(path, 'its legacy_archive_digest is that of no view of its index')
  }
  if (name === LATEST)
    throw new UploadRefused(path, `'${LATEST}' means the tag that was published last`)
  if (!isGenomeDigest(entry.genome.digest)) {
    throw new UploadRefused(path, 'its genome must be named by its digest, 48 hex characters')
  }
  const named = { genome: entry.genome.digest, asset: entry.asset.name, tag: name }
  const tag = findTag(config, named)
  const studies = [tag?.study ?? []].flat()
  return {
    config,
    index,
    files: value.files ?? {},
    entry,
    studies,
    isOpened: tag?.access === 'open',
  }
}

function soundConfig(value: unknown, text: string): RawConfig {
  try {
    return checkConfig(value, text, 'the config of the upload')
  } catch (error) {
    // It is the sender's mistake, and no path of this server is in the message.
    throw new UploadRefused('an archive', (error as Error).message)
  }
}

/** Settings and folders of the sender do not matter here. */
function onlyGenomes({ genomes = {} }: RawConfig): RawConfig {
  return { config_version: '0.4', genomes }
}

function onlyTag(config: RawConfig): CatalogueEntry {
  const { genomes } = parseGenomeConfig(formatGenomeConfig(config), 'the config of the upload')
  const [entry, ...more] = genomes.flatMap(genome => [...entriesOf(genome)])
  if (entry === undefined || more.length > 0 || genomes.length > 1) {
    throw new UploadRefused(
      'an archive',
      'its config must have one tag, of one asset of one genome',
    )
  }
  return entry
}
