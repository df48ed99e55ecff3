/** A genome whose assets are read when somebody asks for them first. */
import type { Asset, Genome, GenomeOutline } from './genome.ts'
import type { Provenance } from './provenance.ts'

/** What of a genome is known from the start. */
export type GenomeHead = Pick<
  Genome,
  'digest' | 'aliases' | 'description' | 'legacyDigest' | 'folder' | 'provenance'
>

/** A genome whose assets are read when somebody asks for them first; then it is like any other. */
export class StoredGenome implements Genome {
  readonly digest!: string
  readonly aliases!: readonly string[]
  declare readonly description?: string
  declare readonly legacyDigest?: string
  readonly folder!: string
  declare readonly provenance?: Provenance
  readonly #outline: GenomeOutline
  #assets: () => ReadonlyMap<string, Asset>

  /** @param read - called once at most */
  constructor(head: GenomeHead, outline: GenomeOutline, read: () => ReadonlyMap<string, Asset>) {
    Object.assign(this, head)
    this.#outline = outline
    this.#assets = read
  }

  /** No property of its own: a genome that is made of this one with other assets must not take it along. */
  get outline(): GenomeOutline {
    return this.#outline
  }

  get assets(): ReadonlyMap<string, Asset> {
    const assets = this.#assets()
    // What it was read from is not needed any more.
    this.#assets = () => assets
    return assets
  }
}
