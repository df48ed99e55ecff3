/** Changes what is published in a store: each change is the next generation, made on top of the one that counts. */
import type { RawConfig } from '../config/genome-config-schema.ts'
import { rawConfigIn } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { PushConflict, PushRefused } from '../domain/archiving-errors.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import {
  CURRENT_KEY,
  contentOf,
  currentGeneration,
  currentText,
  generationKey,
  lastGeneration,
} from './published.ts'
import { carryWithdrawals } from './withdrawal-record.ts'

/** Where archives are published. */
export interface PushStore extends WritableStore {
  /** Name of the place, for messages. */
  readonly place: string
}

// Others publish at the same moment; each of them succeeds once.
const ATTEMPTS = 20

/**
 * Publishes a change of the config as the next generation; when somebody else was quicker, the change is made to theirs.
 *
 * @param change - called for each attempt with the config that counts then; what it throws ends the attempts
 * @throws PushConflict
 */
export async function publishGeneration(
  to: PushStore,
  change: (config: RawConfig) => void | Promise<void>,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const current = await currentGeneration(to.store, to.place)
    const before = await configOf(to, current?.generation)
    const config = structuredClone(before)
    await change(config)
    const text = formatGenomeConfig(config)
    if (current !== undefined && text === formatGenomeConfig(before)) return current.generation
    const generation = await nextNumber(to, text)
    const condition = current === undefined ? { absent: true as const } : { state: current.state }
    if (
      await to.writer.put(CURRENT_KEY, currentText(generation, current?.generation ?? 0), condition)
    )
      return generation
  }
  throw new PushConflict(to.place)
}

/** Writes the config under the next number that is free. */
async function nextNumber(to: PushStore, text: string): Promise<number> {
  let generation = await lastGeneration(to.store)
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    generation += 1
    if (await to.writer.put(generationKey(generation), text, { absent: true })) return generation
  }
  throw new PushConflict(to.place)
}

/** The config that counts; an empty one when nothing was published yet. */
export async function currentConfig(to: PushStore): Promise<RawConfig> {
  return configOf(to, (await currentGeneration(to.store, to.place))?.generation)
}

async function configOf(
  { store, place }: PushStore,
  generation: number | undefined,
): Promise<RawConfig> {
  if (generation === undefined) return { config_version: '0.4', genomes: {} }
  const key = generationKey(generation)
  const text = await contentOf(store, key)
  if (text === undefined) throw new PushRefused(`${place}/${key}`, 'the generation is missing')
  return rawConfigIn(text.toString('utf8'), `${place}/${key}`)
}

/** What going back has done. */
export interface RolledBack {
  /** The one that counts now; a new one when withdrawals had to be carried into the one that was wanted. */
  readonly generation: number
  /** The one that was wanted. */
  readonly from: number
  /** Registry paths of tags that would have come back, and stay withdrawn. */
  readonly stillWithdrawn: readonly string[]
}

/**
 * Makes an earlier generation the one that counts. What was withdrawn since stays withdrawn: then a new generation is made of the earlier
 * one.
 *
 * @param wanted - its number; the one that counted before the present one without
 * @param includeWithdrawn - true to bring back what was withdrawn since
 * @throws PushRefused when there is no such generation, PushConflict
 */
export async function rollBack(
  to: PushStore,
  wanted?: number,
  includeWithdrawn = false,
): Promise<RolledBack> {
  const current = await currentGeneration(to.store, to.place)
  if (current === undefined) throw new PushRefused(to.place, 'nothing is published there')
  const from = wanted ?? current.previous
  if ((await to.store.identify(generationKey(from))) === undefined) {
    throw new PushRefused(to.place, `there is no generation ${from}`)
  }
  const config = await configOf(to, from)
  const stillWithdrawn = includeWithdrawn
    ? []
    : carryWithdrawals(config, await configOf(to, current.generation))
  const generation =
    stillWithdrawn.length === 0 ? from : await nextNumber(to, formatGenomeConfig(config))
  const text = currentText(generation, current.generation)
  if (await to.writer.put(CURRENT_KEY, text, { state: current.state })) {
    return { generation, from, stillWithdrawn }
  }
  throw new PushConflict(to.place)
}
