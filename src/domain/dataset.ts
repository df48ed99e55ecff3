/**
 * Datasets as vcpipe-refdata names them: nature, data type, kind and version.
 *
 * On disk a dataset lies in `<nature>/<data type>/<kind>` whatever its version is; in a store in `<nature>/<data type>/<kind>/<version>`.
 */
import { createHash } from 'node:crypto'

/** One version of one dataset. */
export interface Dataset {
  readonly nature: string
  /** Data type: `common` where nothing else is said. */
  readonly type: string
  readonly kind: string
  readonly version: string
}

/** Name of the file that tells that a dataset is complete; it is always written last. */
export const MARKER = 'DATA_READY'

/** What names of natures, kinds and versions may be made of: they become folders, keys, assets and tags. */
export const NAME_RULE = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/,
  wording: 'letters, digits and . _ + -, at most 100, a letter or digit first',
} as const

/** What names of data types may be made of: no dot, so that `<nature>.<data type>` means one pair only. */
export const TYPE_RULE = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_+-]{0,99}$/,
  wording: 'letters, digits and _ + -, at most 100, a letter or digit first',
} as const

/** Folder of a dataset below the folder of all data. */
export function dataFolderOf({ nature, type, kind }: Omit<Dataset, 'version'>): string {
  return `${nature}/${type}/${kind}`
}

/** Folder of a dataset in a store; what is in it never changes. */
export function storeFolderOf(dataset: Dataset): string {
  return `${dataFolderOf(dataset)}/${dataset.version}`
}

/** The name of a dataset for messages. */
export function titleOf(dataset: Dataset): string {
  return `${dataFolderOf(dataset)} ${dataset.version}`
}

/** Alias of the genome under which a server lists the datasets of a nature and data type. */
export function genomeAliasOf({ nature, type }: Pick<Dataset, 'nature' | 'type'>): string {
  return `${nature}.${type}`
}

/** Digest of that genome, which has no sequences: the first 48 hex characters of the SHA-256 of `refdepot-dataset:` and its alias. */
export function genomeDigestOf(dataset: Pick<Dataset, 'nature' | 'type'>): string {
  const name = `refdepot-dataset:${genomeAliasOf(dataset)}`
  return createHash('sha256').update(name).digest('hex').slice(0, 48)
}

// Keys of stores end at 1,024 bytes, names of files at 255.
const LONGEST_PATH = 800
const LONGEST_NAME = 255

// Control characters, breaks of lines and pages, halves of letters, and what stands for bytes that are no UTF-8.
const ODD_CHARACTERS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufeff\ufffd-\uffff\\]/u

/** Why a path cannot be that of a file in a dataset; undefined when it can. The path may come from anybody. */
export function whyNoPath(path: string): string | undefined {
  const parts = path.split('/')
  if (ODD_CHARACTERS.test(path)) return 'it has a control character, backslash or broken letter'
  if (parts.some(part => part === '' || part === '.' || part === '..')) {
    return 'it is no path below the folder of the dataset'
  }
  if (path === MARKER) return `${MARKER} is no file of a dataset`
  const bytes = (text: string) => Buffer.byteLength(text)
  if (bytes(path) > LONGEST_PATH || parts.some(part => bytes(part) > LONGEST_NAME)) {
    return `it is too long: a name may have ${LONGEST_NAME} bytes, a path ${LONGEST_PATH}`
  }
  return undefined
}
