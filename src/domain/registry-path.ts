/** Registry paths: the names people type for assets, `genome/asset.seek_key:tag`. */

/** The parts of a registry path; only the asset is mandatory. */
export interface RegistryPath {
  readonly genome?: string
  readonly asset: string
  readonly seekKey?: string
  readonly tag?: string
}

// Character sets as refgenie's parser has them: genome, asset and seek key are words with dashes, a tag may hold more.
const PATTERN =
  /^(?:(?<genome>[0-9A-Za-z_-]+)\/)?(?<asset>[0-9A-Za-z_-]+)(?:\.(?<seekKey>[0-9A-Za-z_-]+))?(?::(?<tag>[0-9A-Za-z_.,|+()-]+))?$/

/** Reads a registry path; undefined when the text is none (as the refgenie client: a dot in a genome name does not parse). */
export function parseRegistryPath(text: string): RegistryPath | undefined {
  const groups = PATTERN.exec(text)?.groups
  if (groups === undefined) return undefined
  const { genome, asset, seekKey, tag } = groups
  return {
    asset: asset as string,
    ...(genome !== undefined && { genome }),
    ...(seekKey !== undefined && { seekKey }),
    ...(tag !== undefined && { tag }),
  }
}

/** Writes a registry path; the inverse of {@link parseRegistryPath}. */
export function formatRegistryPath(path: RegistryPath): string {
  const genome = path.genome === undefined ? '' : `${path.genome}/`
  const seekKey = path.seekKey === undefined ? '' : `.${path.seekKey}`
  const tag = path.tag === undefined ? '' : `:${path.tag}`
  return `${genome}${path.asset}${seekKey}${tag}`
}
