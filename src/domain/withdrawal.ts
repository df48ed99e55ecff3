/** Withdrawn tags: they are listed nowhere any more, but who asks for one by name or digest learns that it was there, and why it is gone. */
import type { CatalogueEntry } from './catalogue.ts'
import { type Asset, defaultTagOf, type Genome, latestTagOf, type Withdrawal } from './genome.ts'

/** A withdrawn tag, and what was said when it was withdrawn. */
export interface WithdrawnEntry {
  readonly entry: CatalogueEntry
  readonly withdrawal: Withdrawal
}

/** The withdrawn tags of a catalogue, by name and by digest. */
export class WithdrawnTags {
  readonly #genomes = new Map<string, Genome>()
  readonly #byPath = new Map<string, WithdrawnEntry>()
  readonly #byArchiveDigest = new Map<string, WithdrawnEntry>()

  /** @param genomes - with all their tags */
  constructor(genomes: readonly Genome[]) {
    for (const genome of genomes) this.#takeIn(genome)
  }

  /** All of them, in config order. */
  entries(): Iterable<WithdrawnEntry> {
    return this.#byPath.values()
  }

  /** The withdrawn tag with this name; the genome by digest. */
  tag(genome: string, asset: string, tag: string): WithdrawnEntry | undefined {
    return this.#byPath.get(`${genome}/${asset}:${tag}`)
  }

  /** The tag that was the default one of an asset of which everything is withdrawn; undefined when that one was not withdrawn. */
  formerDefault(genome: string, assetName: string): WithdrawnEntry | undefined {
    const asset = this.#genomes.get(genome)?.assets.get(assetName)
    return asset && this.tag(genome, assetName, defaultTagOf(asset))
  }

  /** The withdrawn archive with this md5, as stored or with alias-named files. */
  archive(md5: string): WithdrawnEntry | undefined {
    return this.#byArchiveDigest.get(md5)
  }

  #takeIn(genome: Genome): void {
    if (genome.outline?.allListed === true) return
    for (const asset of genome.assets.values()) {
      for (const tag of asset.tags.values()) {
        const { withdrawal } = tag
        if (withdrawal === undefined) continue
        this.#genomes.set(genome.digest, genome)
        const withdrawn = { entry: { genome, asset, tag }, withdrawal }
        this.#byPath.set(`${genome.digest}/${asset.name}:${tag.name}`, withdrawn)
        for (const md5 of [tag.archiveDigest, tag.legacyArchiveDigest]) {
          if (md5 !== '') this.#byArchiveDigest.set(md5, withdrawn)
        }
      }
    }
  }
}

/** The listed asset; when its default tag was withdrawn, the tag that was published last takes its place. */
export function withDefault(listed: Asset, whole: Asset): Asset {
  const archived = [...whole.tags].filter(([, tag]) => tag.archived)
  const before = defaultTagOf({ ...whole, tags: new Map(archived) })
  if (whole.tags.get(before)?.withdrawal === undefined) return listed
  const latest = latestTagOf(listed)
  return latest === undefined ? listed : { ...listed, defaultTag: latest.name }
}
