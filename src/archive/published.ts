/**
 * What is published in a store: numbered generations of the server config, over archives that are named by their digest.
 *
 *     current.json                     {"format": 1, "generation": 7, "previous": 6}
 *     generations/000007.yaml          the server config of generation 7; never changed
 *     archives/<md5>/<asset>__<tag>.tgz, with its index, log, recipe and list of contents; never changed
 *
 * A generation is published by writing `current.json` when everything it names is there, so a reader sees one generation or the other,
 * and going back is writing an older number.
 */
import { ConfigInvalid, ConfigUnreadable } from '../config/config-error.ts'
import { type GenomeConfig, parseGenomeConfig } from '../config/genome-config.ts'
import { ShortRead } from '../domain/errors.ts'
import type { Store } from '../storage/store.ts'

/** Key of the pointer to the generation that counts. */
export const CURRENT_KEY = 'current.json'

const DIGITS = 6
const POINTER_ATTEMPTS = 5
// A config of 20,000 archives has 10 MB.
const MOST_BYTES = 512 * 1024 * 1024

/** The generation that counts. */
export interface Published {
  readonly generation: number
  readonly config: GenomeConfig
  /** The config as text. */
  readonly text: string
}

/** Which generation counts, and in which state its pointer is. */
export interface CurrentGeneration {
  readonly generation: number
  /** The one that counted before; 0 for none. Numbers between them were never published. */
  readonly previous: number
  readonly state: string
}

/** Key of the config of a generation. */
export function generationKey(generation: number): string {
  return `generations/${String(generation).padStart(DIGITS, '0')}.yaml`
}

/** The largest number under which a config was written, published or not; 0 for none. */
export async function lastGeneration(store: Store): Promise<number> {
  const files = await store.list('generations')
  return Math.max(0, ...files.map(({ path }) => Number.parseInt(path, 10) || 0))
}

/** Content of the pointer to a generation. */
export function currentText(generation: number, previous: number): string {
  return `${JSON.stringify({ format: 1, generation, previous })}\n`
}

/**
 * The generation that counts; undefined when nothing was published yet.
 *
 * @throws StorageFailed, ConfigInvalid when the pointer cannot be understood
 */
export async function currentGeneration(
  store: Store,
  place: string,
): Promise<CurrentGeneration | undefined> {
  const found = await pointerText(store)
  if (found === undefined) return undefined
  const pointer = pointerIn(found.text)
  if (pointer !== undefined) return { ...pointer, state: found.state }
  const message = 'is no pointer of this version of refdepot; push again'
  throw new ConfigInvalid([{ file: `${place}/${CURRENT_KEY}`, message }])
}

/**
 * Reads what is published.
 *
 * @param place - name of the store, for messages
 * @param mayBeEmpty - true to take a store in which nothing is published yet for an empty config
 * @throws ConfigUnreadable when nothing is published; ConfigInvalid, StorageFailed
 */
export async function readPublished(
  store: Store,
  place: string,
  mayBeEmpty = false,
): Promise<Published> {
  const current = await currentGeneration(store, place)
  if (current === undefined && mayBeEmpty) {
    const text = 'genomes: {}\n'
    return { generation: 0, config: parseGenomeConfig(text, place), text }
  }
  if (current === undefined) {
    const cause = new Error('nothing is published there; run `refdepot push`')
    throw new ConfigUnreadable(place, cause, 'the store')
  }
  const key = generationKey(current.generation)
  const found = await textOf(store, key)
  if (found === undefined) {
    throw new ConfigUnreadable(`${place}/${key}`, new Error('it is missing'), 'the generation')
  }
  const { text } = found
  return {
    generation: current.generation,
    config: parseGenomeConfig(text, `${place}/${key}`),
    text,
  }
}

/** Whoever publishes writes the pointer anew, perhaps while it is read here: then the newer one is read. */
async function pointerText(store: Store, attempts = POINTER_ATTEMPTS): ReturnType<typeof textOf> {
  try {
    return await textOf(store, CURRENT_KEY)
  } catch (error) {
    if (!(error instanceof ShortRead) || attempts === 1) throw error
    return pointerText(store, attempts - 1)
  }
}

function pointerIn(text: string): { generation: number; previous: number } | undefined {
  try {
    const { format, generation, previous } = JSON.parse(text)
    const isNumber = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
    return format === 1 && isNumber(generation) && isNumber(previous)
      ? { generation, previous }
      : undefined
  } catch {
    return undefined
  }
}

async function textOf(
  store: Store,
  key: string,
): Promise<{ text: string; state: string } | undefined> {
  const object = await store.open(key)
  if (object === undefined) return undefined
  try {
    const end = Math.min(object.size, MOST_BYTES)
    return { text: (await object.bytes({ start: 0, end })).toString('utf8'), state: object.inode }
  } finally {
    await object.close()
  }
}

/** The whole content of a small object; undefined when there is none. */
export async function contentOf(
  store: Pick<Store, 'open'>,
  key: string,
): Promise<Buffer | undefined> {
  const object = await store.open(key)
  if (object === undefined) return undefined
  return object.bytes({ start: 0, end: object.size }).finally(() => object.close())
}
