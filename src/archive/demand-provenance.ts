/** What a policy demands that tags say of where they come from. */
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { missingFields, type ProvenanceField } from '../domain/provenance.ts'
import { ProvenanceMissing } from '../domain/publication-errors.ts'

/**
 * Refuses a tag that lacks a field.
 *
 * @throws ProvenanceMissing
 */
export function demandProvenance(
  entry: CatalogueEntry,
  required: readonly ProvenanceField[],
): void {
  const missing = missingFields(entry, required)
  if (missing.length > 0) throw new ProvenanceMissing(registryPathOf(entry), missing)
}
