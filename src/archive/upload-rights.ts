/** What somebody who sends an archive may publish, measured by what is published already. */
import type { RawConfig } from '../config/genome-config-schema.ts'
import { Forbidden } from '../domain/access-errors.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import type { TagNames } from '../domain/path-pattern.ts'
import { UploadRefused } from '../domain/upload.ts'
import { demandKnownName } from './push-staged.ts'
import type { UploadOrder } from './upload-order.ts'

/** Who sends an archive. */
export interface Sender {
  readonly name: string
  mayWrite(names: TagNames, studies: readonly string[]): boolean
}

/**
 * Names that count are those that are published; the sender names a genome only when it is new.
 *
 * @param config - what is published
 * @throws Forbidden, UploadRefused
 */
export function demandRight(config: RawConfig, order: UploadOrder, sender: Sender): void {
  const { entry, studies, isOpened } = order
  const { genome, asset, tag } = entry
  const known = config.genomes?.[genome.digest]
  const published = known?.aliases ?? []
  const aliases = known == null ? genome.aliases : published
  const names = { genome: [genome.digest, ...aliases], asset: asset.name, tag: tag.name }
  // The right to write what belongs to a study is none to open it: that would put it in the lists of everybody.
  const covered = sender.mayWrite(names, studies) && (!isOpened || sender.mayWrite(names, []))
  if (!covered) {
    throw new Forbidden(`this needs a token with a scope such as write:${nameOfTag(entry)}`)
  }
  if (known == null) demandNewNames(config, entry, sender)
  else demandKnownName(entry, published)
}

/** A new genome takes its names for good: each of them must be the sender's to give, and a study is no right to names. */
function demandNewNames({ genomes }: RawConfig, entry: CatalogueEntry, sender: Sender): void {
  const { genome, asset, tag } = entry
  const names = { asset: asset.name, tag: tag.name }
  const foreign = genome.aliases.find(alias => !sender.mayWrite({ ...names, genome: [alias] }, []))
  if (foreign !== undefined) {
    throw new Forbidden(`this needs a token with a scope such as write:${foreign}/*`)
  }
  for (const [digest, other] of Object.entries({ ...genomes })) {
    const taken = genome.aliases.find(alias => alias === digest || other?.aliases?.includes(alias))
    if (taken === undefined) continue
    const reason = `'${taken}' is the name of another genome here (${digest})`
    throw new UploadRefused(registryPathOf(entry), reason)
  }
}

function nameOfTag({ genome, asset, tag }: CatalogueEntry): string {
  return `${genome.aliases[0] ?? genome.digest}/${asset.name}:${tag.name}`
}
