/**
 * Marks tags of a config as withdrawn: the tag stays there with its archive, so that its name and digests are known, and taken, for ever.
 */
import type { RawAsset, RawConfig } from '../config/genome-config-schema.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import type { Withdrawal } from '../domain/genome.ts'
import { WithdrawalRefused } from '../domain/publication-errors.ts'
import { findTag, type TagName } from './server-record.ts'

/** What is said when a tag is withdrawn. */
export interface WithdrawalOrder {
  readonly reason: string
  readonly successor?: TagName
  /** ISO time. */
  readonly at: string
}

/** `digest/asset:tag`. */
export function pathOfName({ genome, asset, tag }: TagName): string {
  return `${genome}/${asset}:${tag}`
}

/**
 * Marks a tag as withdrawn; one that is withdrawn already keeps its time.
 *
 * @throws NotInCatalogue when the tag or its successor is not there; WithdrawalRefused for a successor that cannot be one
 */
export function withdrawTag(config: RawConfig, name: TagName, order: WithdrawalOrder): void {
  const tag = archivedTag(config, name)
  const { reason, successor } = order
  if (successor !== undefined) {
    if (pathOfName(successor) === pathOfName(name)) {
      throw new WithdrawalRefused(pathOfName(name), 'a tag cannot be its own successor')
    }
    if (archivedTag(config, successor).withdrawn != null) {
      const problem = `its successor ${pathOfName(successor)} is withdrawn itself; name another one`
      throw new WithdrawalRefused(pathOfName(name), problem)
    }
  }
  const withdrawal: Withdrawal = {
    reason,
    at: tag.withdrawn?.at ?? order.at,
    ...(successor !== undefined && { successor: pathOfName(successor) }),
  }
  tag.withdrawn = withdrawal
}

/**
 * Takes a withdrawal back.
 *
 * @throws NotInCatalogue, WithdrawalRefused when the tag is not withdrawn
 */
export function restoreTag(config: RawConfig, name: TagName): void {
  const tag = archivedTag(config, name)
  if (tag.withdrawn == null) throw new WithdrawalRefused(pathOfName(name), 'it is not withdrawn')
  delete tag.withdrawn
}

/**
 * Carries withdrawals over into an older config, with the tags that it does not have: their names stay taken.
 *
 * @returns registry paths of the tags that were not withdrawn there
 */
export function carryWithdrawals(to: RawConfig, from: RawConfig): string[] {
  const carried: string[] = []
  for (const [genome, ofGenome] of Object.entries(from.genomes ?? {})) {
    for (const [asset, ofAsset] of Object.entries(ofGenome?.assets ?? {})) {
      for (const [tag, ofTag] of Object.entries(ofAsset?.tags ?? {})) {
        if (ofTag?.withdrawn == null) continue
        const name = { genome, asset, tag }
        const there = findTag(to, name)
        if (there?.withdrawn != null) continue
        if (there === undefined)
          assetFor(to, from, name).tags = { ...tagsAt(to, name), [tag]: ofTag }
        else there.withdrawn = ofTag.withdrawn
        carried.push(pathOfName(name))
      }
    }
  }
  return carried
}

function tagsAt(config: RawConfig, { genome, asset }: TagName) {
  return config.genomes?.[genome]?.assets?.[asset]?.tags ?? {}
}

/** The asset of a config, made like that of another one where it is not there. */
function assetFor(to: RawConfig, from: RawConfig, { genome, asset }: TagName): RawAsset {
  to.genomes ??= {}
  const toGenome = to.genomes[genome] ?? { ...from.genomes?.[genome], assets: {} }
  to.genomes[genome] = toGenome
  toGenome.assets ??= {}
  const toAsset = toGenome.assets[asset] ?? {
    ...from.genomes?.[genome]?.assets?.[asset],
    tags: {},
  }
  toGenome.assets[asset] = toAsset
  return toAsset
}

function archivedTag(config: RawConfig, name: TagName) {
  const tag = findTag(config, name)
  if (tag?.archive_digest !== undefined) return tag
  const path = pathOfName(name)
  throw new NotInCatalogue('unknown-tag', path, `${path} is not published there`)
}
