/** Where data comes from and what may be done with it: said at a genome, an asset or a tag; what is said nearest to the tag counts. */

/** Fields of the provenance, by the names they have in configs, policies and answers. */
export const PROVENANCE_FIELDS = [
  'licence',
  'redistribute',
  'source',
  'release',
  'accession',
  'citation',
] as const

/** Name of a field. */
export type ProvenanceField = (typeof PROVENANCE_FIELDS)[number]

/** What one place says, or what counts for a tag; `redistribute` is `yes` or `no`. */
export type Provenance = Readonly<Partial<Record<ProvenanceField, string>>>

/** Keys of a config that hold provenance: `license` is another spelling of `licence`. */
export const PROVENANCE_KEYS: readonly string[] = [...PROVENANCE_FIELDS, 'license']

/** What the keys of a genome, asset or tag of a config say; an empty value says nothing. */
export function provenanceIn(keys: Readonly<Record<string, unknown>>): Provenance {
  const said: Partial<Record<ProvenanceField, string>> = {}
  for (const field of PROVENANCE_FIELDS) {
    const value = field === 'licence' ? keys.licence || keys.license : keys[field]
    if (typeof value === 'string' && value.trim() !== '') said[field] = value
  }
  return said
}

/** What counts for a tag. */
export function provenanceOf({ genome, asset, tag }: ProvenancePlaces): Provenance {
  return { ...genome.provenance, ...asset.provenance, ...provenanceIn(tag.attributes) }
}

/** Fields of a list that nobody says anything of for a tag. */
export function missingFields(
  places: ProvenancePlaces,
  required: readonly ProvenanceField[],
): ProvenanceField[] {
  const said = provenanceOf(places)
  return required.filter(field => said[field] === undefined)
}

/** True when data may be passed on; undefined when nobody says so. */
export function mayRedistribute({ redistribute }: Provenance): boolean | undefined {
  return redistribute === undefined ? undefined : /^(?:yes|true)$/i.test(redistribute)
}

/** A tag with its asset and genome, as far as provenance is concerned. */
interface ProvenancePlaces {
  readonly genome: { readonly provenance?: Provenance }
  readonly asset: { readonly provenance?: Provenance }
  readonly tag: { readonly attributes: Readonly<Record<string, unknown>> }
}
