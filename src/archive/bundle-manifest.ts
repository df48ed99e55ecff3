/**
 * The first member of a bundle: what is in it, with digests. A bundle is a tar whose other members are what a published store has
 * (`published.ts`), by the same keys; `docs/bundles.md` tells the form.
 *
 *     {"format": "refdepot-bundle", "version": 1, "files": [{"key": "archives/…/fasta__default.tgz", "size": …, "sha256": …}, …]}
 */
import type { Static } from '@sinclair/typebox'
import { BundleRefused } from '../domain/bundle-errors.ts'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { CURRENT_KEY, generationKey } from './published.ts'

/** Name of the first member. */
export const BUNDLE_MANIFEST = 'refdepot-bundle.json'

/** Bytes that a manifest may have: it is read into memory. */
export const MOST_MANIFEST_BYTES = 64 * 1024 * 1024

/** The one generation of a bundle. */
export const BUNDLE_GENERATION = 1

const BUNDLE = Type.Object({
  format: Type.Literal('refdepot-bundle'),
  version: Type.Literal(1),
  files: Type.Array(
    Type.Object({
      key: Type.String({ maxLength: 1024 }),
      size: Type.Integer({ minimum: 0 }),
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    }),
  ),
})

/** A file in a bundle. */
export type BundledFile = Static<typeof BUNDLE>['files'][number]

const OWN_KEYS = [CURRENT_KEY, generationKey(BUNDLE_GENERATION)]
// Names of files are at most 255 bytes long.
const ARCHIVE_KEY = /^archives\/[0-9a-f]{32}\/(?!\.)[^/\0\n]{1,255}$/

/** The text of a manifest; its files are ordered by key. */
export function bundleManifestText(files: readonly BundledFile[]): string {
  const sorted = [...files].sort((a, b) => byCodePoint(a.key, b.key))
  return `${JSON.stringify({ format: 'refdepot-bundle', version: 1, files: sorted })}\n`
}

/**
 * The files of a manifest, ordered by key. Their keys are those of a published store: none leads anywhere else.
 *
 * @param bundle - path of the bundle, for messages
 * @throws BundleRefused
 */
export function parseBundleManifest(text: string, bundle: string): BundledFile[] {
  const refuse = (reason: string) =>
    new BundleRefused(bundle, `is no bundle of refdepot: ${reason}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse(`${BUNDLE_MANIFEST} is not JSON: ${(error as Error).message}`)
  }
  if (!conforms(BUNDLE, value)) {
    throw refuse(`${BUNDLE_MANIFEST} is not as this version of refdepot writes it`)
  }
  let before = ''
  for (const { key, size } of value.files) {
    if (!OWN_KEYS.includes(key) && !ARCHIVE_KEY.test(key)) {
      throw refuse(`${JSON.stringify(key.slice(0, 200))} is no name of a file in a bundle`)
    }
    if (byCodePoint(before, key) >= 0) {
      throw refuse(`${JSON.stringify(key)} is there twice, or out of order`)
    }
    if (!Number.isSafeInteger(size)) throw refuse(`${key} is too large`)
    before = key
  }
  for (const key of OWN_KEYS) {
    if (!value.files.some(file => file.key === key)) throw refuse(`${key} is missing`)
  }
  return value.files
}
