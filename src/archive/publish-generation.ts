/** Changes what is published in a store: each change is the next generation, made on top of the one that counts. */
import type { RawConfig } from '../config/genome-config-schema.ts'
import { rawConfigIn } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { PushConflict, PushRefused } from '../domain/archiving-errors.ts'
import type { Store } from '../storage/store.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import {
  CURRENT_KEY,
  type CurrentGeneration,
  currentGeneration,
  currentText,
  generationKey,
  lastGeneration,
} from './published.ts'

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
 * @throws PushConflict
 */
export async function publishGeneration(
  to: PushStore,
  change: (config: RawConfig) => void,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const current = await currentGeneration(to.store, to.place)
    const before = await configOf(to, current)
    const config = structuredClone(before)
    change(config)
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

async function configOf(
  { store, place }: PushStore,
  current: CurrentGeneration | undefined,
): Promise<RawConfig> {
  if (current === undefined) return { config_version: '0.4', genomes: {} }
  const key = generationKey(current.generation)
  const text = await contentOf(store, key)
  if (text === undefined) throw new PushRefused(`${place}/${key}`, 'the generation is missing')
  return rawConfigIn(text.toString('utf8'), `${place}/${key}`)
}

/**
 * Makes an earlier generation the one that counts.
 *
 * @param wanted - its number; the one that counted before the present one without
 * @throws PushRefused when there is no such generation, PushConflict
 */
export async function rollBack(to: PushStore, wanted?: number): Promise<number> {
  const current = await currentGeneration(to.store, to.place)
  if (current === undefined) throw new PushRefused(to.place, 'nothing is published there')
  const generation = wanted ?? current.previous
  if ((await to.store.identify(generationKey(generation))) === undefined) {
    throw new PushRefused(to.place, `there is no generation ${generation}`)
  }
  const text = currentText(generation, current.generation)
  if (await to.writer.put(CURRENT_KEY, text, { state: current.state })) return generation
  throw new PushConflict(to.place)
}

/** The whole content of a small object; undefined when there is none. */
export async function contentOf(store: Store, key: string): Promise<Buffer | undefined> {
  const object = await store.open(key)
  if (object === undefined) return undefined
  return object.bytes({ start: 0, end: object.size }).finally(() => object.close())
}
