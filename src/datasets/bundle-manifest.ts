/**
 * The first entry of a bundle: what is in it, with digests.
 *
 *     {"format": "refdepot-dataset-bundle", "version": 1, "datasets": [{"nature": …, "type": …, "kind": …, "version": …, "files": […]}]}
 */
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { MARKER, NAME_RULE, storeFolderOf, TYPE_RULE } from '../domain/dataset.ts'
import { DatasetRefused } from '../domain/dataset-errors.ts'
import { whyNoFiles } from './data-ready.ts'

/** Name of the first entry of a bundle. */
export const MANIFEST = 'refdepot-datasets.json'

/** Bytes that a manifest may have: it is read into memory. */
export const MOST_MANIFEST_BYTES = 64 * 1024 * 1024

const FILE = Type.Object({
  path: Type.String(),
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  executable: Type.Optional(Type.Boolean()),
})

const name = Type.String({ pattern: NAME_RULE.pattern.source })

const BUNDLED = Type.Object({
  nature: name,
  type: Type.String({ pattern: TYPE_RULE.pattern.source }),
  kind: name,
  version: name,
  /** The marker is the last one. */
  files: Type.Array(FILE, { minItems: 1 }),
})

const BUNDLE = Type.Object({
  format: Type.Literal('refdepot-dataset-bundle'),
  version: Type.Literal(1),
  datasets: Type.Array(BUNDLED, { minItems: 1 }),
})

/** A dataset in a bundle, with its marker among the files. */
export type BundledDataset = Static<typeof BUNDLED>

/** A file in a bundle. */
export type BundledFile = Static<typeof FILE>

/** The text of a manifest. */
export function manifestText(datasets: readonly BundledDataset[]): string {
  return `${JSON.stringify({ format: 'refdepot-dataset-bundle', version: 1, datasets })}\n`
}

/**
 * Reads a manifest; its names and paths are safe to be used.
 *
 * @param bundle - name of the bundle, for messages
 * @throws DatasetRefused
 */
export function parseManifest(text: string, bundle: string): BundledDataset[] {
  const refuse = (reason: string) => new DatasetRefused(bundle, `it is no bundle: ${reason}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse(`${MANIFEST} is not JSON: ${(error as Error).message}`)
  }
  if (!Value.Check(BUNDLE, value)) {
    const { path = '', message = '' } = Value.Errors(BUNDLE, value).First() ?? {}
    throw refuse(`${MANIFEST} is not as it should be at '${path}': ${message}`)
  }
  const places = new Set<string>()
  for (const dataset of value.datasets) {
    const { nature, type, kind, files } = dataset
    const place = `${nature}/${type}/${kind}`
    if (places.has(place)) throw refuse(`${place} is in it twice`)
    places.add(place)
    const own = files.filter(({ path }) => path !== MARKER)
    const reason = whyNoFiles(own) ?? (files.at(-1)?.path === MARKER ? undefined : `no ${MARKER}`)
    const twice = own.length === files.length - 1 ? undefined : `${MARKER} is there twice`
    if (reason !== undefined || twice !== undefined) {
      throw refuse(`${storeFolderOf(dataset)}: ${reason ?? twice}`)
    }
  }
  return value.datasets
}
