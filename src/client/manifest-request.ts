/** Which archives a manifest shall be made of: what a server has and what a folder has are chosen alike. */
import { NotInCatalogue } from '../domain/errors.ts'
import { type KnownArchive, type Manifest, manifestOf, textsOf } from '../domain/manifest-row.ts'
import type { FilePieces } from '../domain/metalink.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { byCodePoint } from '../domain/text-order.ts'

/** What somebody asks for; everything that is archived when nothing is named. */
export interface ManifestRequest {
  /** `genome/asset` or `genome/asset:tag`; at servers also digests of archives. */
  readonly names: readonly string[]
  /** Aliases or digests: everything of these genomes, with {@link assets} only those. */
  readonly genomes: readonly string[]
  readonly assets: readonly string[]
  /** True for all tags; else the default tag of each asset counts, as for `pull`. */
  readonly allTags: boolean
  /** True to have the hashes of pieces too. */
  readonly withPieces: boolean
}

/** An archive that was chosen. */
export interface ChosenArchive extends KnownArchive {
  readonly pieces?: FilePieces
}

/** A manifest, with hashes of pieces by file name where they were asked for and are there. */
export interface MadeManifest {
  readonly manifest: Manifest
  readonly pieces: ReadonlyMap<string, FilePieces>
}

/** True when everything of a kind is asked for, not only what is named. */
export function asksForLists({ names, genomes, assets }: ManifestRequest): boolean {
  return names.length === 0 || genomes.length + assets.length > 0
}

/**
 * The manifest of archives; one that was named twice is in it once.
 *
 * @throws NotInCatalogue when there is none; ManifestInvalid
 */
export function manifestOfArchives(archives: readonly ChosenArchive[]): MadeManifest {
  const byPath = new Map(archives.map(archive => [archive.registryPath, archive]))
  if (byPath.size === 0) {
    const message = 'nothing that is archived was asked for, so there is nothing to list'
    throw new NotInCatalogue('unknown-archive', '', message)
  }
  const manifest = manifestOf([...byPath.values()].map(textsOf))
  const pieces = new Map<string, FilePieces>()
  for (const { fileName, registryPath = '' } of manifest.rows) {
    const known = byPath.get(registryPath)?.pieces
    if (known !== undefined) pieces.set(fileName, known)
  }
  return { manifest, pieces }
}

/** Lists in the same order wherever they come from: so the same archives are the same manifest. */
export function inOrderOfPaths<T extends Named>(entries: readonly T[]): T[] {
  const paths = new Map(entries.map(entry => [entry, pathOfTag(entry)]))
  const path = (entry: T) => paths.get(entry) as string
  return [...entries].sort((a, b) => byCodePoint(path(a), path(b)))
}

/** What names a tag. */
interface Named {
  readonly genome: { readonly digest: string; readonly aliases: readonly string[] }
  readonly asset: string | { readonly name: string }
  readonly tag: string | { readonly name: string }
}

/** `genome/asset:tag` by the first name of the genome that a registry path may hold. */
export function pathOfTag({ genome, asset, tag }: Named): string {
  const nameOf = (it: string | { readonly name: string }) => (typeof it === 'string' ? it : it.name)
  const names = [...genome.aliases, genome.digest]
  const paths = names.map(name => `${name}/${nameOf(asset)}:${nameOf(tag)}`)
  return paths.find(path => parseRegistryPath(path) !== undefined) ?? (paths.at(-1) as string)
}
