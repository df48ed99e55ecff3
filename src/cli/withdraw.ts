/** `refdepot withdraw`: a tag is served no more, and whoever asks for it learns why. */

import { publishGeneration } from '../archive/publish-generation.ts'
import { readPublished } from '../archive/published.ts'
import { changeServerConfig, nameOfEntry, oneTag } from '../archive/withdraw.ts'
import { pathOfName, restoreTag, withdrawTag } from '../archive/withdrawal-record.ts'
import { SettingInvalid } from '../config/config-error.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import type { Genome } from '../domain/genome.ts'
import { EXIT } from './exit-codes.ts'
import { openPlace, type PlaceFlags } from './published-place.ts'

/** Flags of `withdraw`. */
export interface WithdrawFlags extends PlaceFlags {
  readonly reason?: string
  readonly successor?: string
  readonly undo?: boolean
}

// What is shown to everybody who asks is a sentence or two.
const LONGEST_REASON = 1000

/** Withdraws a tag, or takes that back. */
export async function runWithdraw(registryPath: string, flags: WithdrawFlags): Promise<number> {
  const reason = reasonOf(flags)
  const place = await openPlace(flags)
  const genomes =
    place.kind === 'folder'
      ? place.target.source.genomes
      : (await readPublished(place.to.store, place.to.place)).config.genomes
  const { change, path } = orderOf(genomes, registryPath, reason, flags.successor)
  const done = reason === undefined ? 'served again' : 'withdrawn'
  if (place.kind === 'folder') {
    await changeServerConfig(place.target, change)
    process.stdout.write(`${done} ${path}\n`)
  } else {
    const generation = await publishGeneration(place.to, change)
    process.stdout.write(`${done} ${path}: generation ${generation}\n`)
  }
  return EXIT.ok
}

/** What is done to the config; without a reason the tag is served again. */
function orderOf(
  genomes: readonly Genome[],
  registryPath: string,
  reason: string | undefined,
  successorPath: string | undefined,
): { readonly change: (config: RawConfig) => void; readonly path: string } {
  const name = nameOfEntry(oneTag(genomes, registryPath))
  const path = pathOfName(name)
  if (reason === undefined) return { change: config => restoreTag(config, name), path }
  const at = new Date().toISOString()
  const successor =
    successorPath === undefined ? {} : { successor: nameOfEntry(oneTag(genomes, successorPath)) }
  return { change: config => withdrawTag(config, name, { reason, at, ...successor }), path }
}

/** The reason; undefined to take a withdrawal back. */
function reasonOf({ reason, undo, successor }: WithdrawFlags): string | undefined {
  if (undo === true) {
    if (reason === undefined && successor === undefined) return undefined
    throw new SettingInvalid('--undo', '', 'it without --reason and --successor')
  }
  const said = (reason ?? '').replace(/\s+/g, ' ').trim()
  if (said !== '' && said.length <= LONGEST_REASON) return said
  throw new SettingInvalid(
    '--reason',
    said.slice(0, 20),
    `a text of 1 to ${LONGEST_REASON} characters`,
  )
}
