/**
 * The marker of a complete dataset: `DATA_READY`, a small YAML file.
 *
 *     timestamp: 2026-11-21T11:20:00Z
 *     version: 'v1.0'
 *     files:
 *     - {"path": "probes.bed", "size": 4711, "sha256": "…", "md5": "…"}
 *
 * Scripts of vcpipe read the first two lines. Its own markers have no files: such a dataset is there, but nothing tells whether it is whole.
 */
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { readYaml } from '../config/read-yaml.ts'
import { whyNoPath } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'

const FILE = Type.Object({
  path: Type.String(),
  /** Scalars are read as texts. */
  size: Type.String({ pattern: '^\\d{1,16}$' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  md5: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  executable: Type.Optional(Type.String()),
})

const READY = Type.Object({
  timestamp: Type.String(),
  version: Type.String(),
  files: Type.Optional(Type.Array(FILE)),
})

/** One file of a dataset. */
export interface ReadyFile {
  /** Below the folder of the dataset, with `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly sha256: string
  readonly md5: string
  /** True for files that may be run. */
  readonly executable?: boolean
}

/** What a marker says. */
export interface DataReady {
  readonly timestamp: string
  readonly version: string
  /** Undefined for a marker of vcpipe-refdata, which names no digests. */
  readonly files?: readonly ReadyFile[]
}

/** The text of a marker. */
export function readyText({ timestamp, version, files = [] }: DataReady): string {
  const rows = files.map(({ path, size, sha256, md5, executable }) => {
    const row = { path, size, sha256, md5, ...(executable === true && { executable }) }
    // JSON is YAML, and needs no rules for odd names.
    return `- ${JSON.stringify(row)}\n`
  })
  return `timestamp: ${timestamp}\nversion: '${version}'\nfiles:\n${rows.join('')}`
}

/**
 * Reads a marker; its paths are safe to be used.
 *
 * @param subject - the dataset, for messages
 * @throws DatasetDamaged when it is no marker
 */
export function parseReady(text: string, subject: string): DataReady {
  const { files, ...rest } = shaped(text, subject)
  if (files === undefined) return rest
  const read = files.map(({ executable, size, ...file }) => ({
    ...file,
    size: Number(size),
    ...(executable === 'true' && { executable: true }),
  }))
  const reason = whyNoFiles(read)
  if (reason !== undefined)
    throw new DatasetDamaged(subject, `its DATA_READY is refused: ${reason}`)
  return { ...rest, files: read }
}

function shaped(text: string, subject: string): Static<typeof READY> {
  let value: unknown
  try {
    value = readYaml(text, 'DATA_READY')
  } catch (error) {
    throw new DatasetDamaged(subject, `its DATA_READY cannot be read: ${(error as Error).message}`)
  }
  if (Value.Check(READY, value)) return value
  const { path = '', message = '' } = Value.Errors(READY, value).First() ?? {}
  throw new DatasetDamaged(
    subject,
    `its DATA_READY is not as it should be at '${path}': ${message}`,
  )
}

/** Why files cannot be those of a dataset: a path that is none, twice the same, or a file that is a folder too. */
export function whyNoFiles(files: readonly Pick<ReadyFile, 'path'>[]): string | undefined {
  const paths = new Set<string>()
  for (const { path } of files) {
    const reason = whyNoPath(path) ?? (paths.has(path) ? 'it is there twice' : undefined)
    if (reason !== undefined) return `${JSON.stringify(path)}: ${reason}`
    paths.add(path)
  }
  for (const path of paths) {
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at)
      if (paths.has(folder)) return `${JSON.stringify(folder)} is a file and a folder`
    }
  }
  return undefined
}

/** Paths at which two lists of files differ, in content or by being in one of them only. */
export function differences(a: readonly ReadyFile[], b: readonly ReadyFile[]): string[] {
  const facts = (files: readonly ReadyFile[]) =>
    new Map(files.map(file => [file.path, `${file.size} ${file.sha256} ${file.md5}`]))
  const [left, right] = [facts(a), facts(b)]
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter(path => left.get(path) !== right.get(path))
    .sort()
}
