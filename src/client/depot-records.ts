/** Records of tags as refdepot tells them: one by one, or all of a catalogue page by page. */
import type { RawTag } from '../config/genome-config-schema.ts'
import { isGenomeDigest } from '../domain/digest.ts'
import type { Network } from '../transfer/network.ts'
import { attributesIn, namesIn, notUnderstood } from './answer-shape.ts'
import type { ParentDigests } from './parent-digests.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { AssetName } from './server-catalogue.ts'
import { orUnclear, type ServerGenomes } from './server-genomes.ts'

/** What is read of a record of a tag; `openapi.json` has all of it. */
export interface TagRecord {
  readonly genome: { readonly digest: string; readonly aliases: readonly string[] }
  readonly asset: string
  readonly tag: string
  readonly is_default: boolean
  readonly description: string | null
  readonly asset_digest: string
  readonly asset_size: string
  readonly archive: {
    readonly md5: string
    readonly sha256: string | null
    readonly size: string
    readonly bytes: number | null
  }
  readonly seek_keys: Readonly<Record<string, string>>
  readonly parents: readonly string[]
  readonly children: readonly string[]
}

/** A page of a list. */
export interface RecordPage {
  readonly items: readonly TagRecord[]
  /** Records of the whole list. */
  readonly total: number
}

// Servers answer up to 1000 at once; fewer need less memory here.
const PAGE = 250

/** The pages of a list of records. Throws RemoteFailed. */
export async function* recordPages(
  server: string,
  network: Network,
  filter: Readonly<Record<string, string>> = {},
): AsyncGenerator<RecordPage> {
  for (let offset = 0; ; offset += PAGE) {
    const query = new URLSearchParams({ ...filter, limit: `${PAGE}`, offset: `${offset}` })
    const url = `${server}/assets?${query}`
    const { items, total } = await network.json<Partial<RecordPage>>(url)
    if (!Array.isArray(items)) throw notUnderstood(url, 'no list of assets')
    yield { items, total: Number(total) }
    if (!(offset + PAGE < Number(total))) return
  }
}

/** The attributes of a tag as a genome config has them. Throws RemoteFailed. */
export function attributesOf(url: string, record: TagRecord, asset: string): RawTag {
  const { archive, asset_digest, asset_size, seek_keys, parents, children } = record
  const attributes = {
    asset_path: asset,
    asset_digest,
    archive_digest: archive?.md5,
    archive_size: archive?.size,
    asset_size,
    seek_keys,
    asset_parents: parents,
    asset_children: children,
  }
  return attributesIn(url, attributes, asset)
}

// Fewer names are asked for one by one.
const LEAST_NAMES = 100
// A catalogue so much larger than what is wanted of it is not read.
const MOST_RATIO = 10

/** Where records are read, and who else learns of what they tell. */
interface Preparation {
  readonly server: string
  readonly network: Network
  readonly genomes: ServerGenomes
  readonly parents: ParentDigests
}

/** The records of names, when they are many; by {@link preparedKey}. Throws RemoteFailed. */
export async function prepareRecords(
  names: readonly AssetName[],
  { server, network, genomes, parents }: Preparation,
): Promise<Map<string, TagRecord>> {
  const records = new Map<string, TagRecord>()
  if (names.length < LEAST_NAMES) return records
  const named = new Set(names.map(preparedKey))
  for await (const { items, total } of recordPages(server, network)) {
    if (total > names.length * MOST_RATIO) return records
    for (const record of items) {
      const { genome, asset, tag } = record
      parents.note(`${genome.digest}/${asset}:${tag}`, record.asset_digest)
      for (const key of keysOf(record)) if (named.has(key)) records.set(key, record)
    }
  }
  const url = `${server}/genomes`
  const summaries = await network.json<readonly GenomeSummary[]>(url)
  if (!Array.isArray(summaries)) throw notUnderstood(url, 'no list of genomes')
  for (const summary of summaries as readonly GenomeSummary[]) genomes.note(genomeIn(summary))
  return records
}

/** A genome by digest or alias as refdepot tells it in one answer; undefined when that is not what is answered under this name. Throws RemoteFailed. */
export async function genomeOf(
  server: string,
  network: Network,
  name: string,
): Promise<RemoteAsset['genome'] | undefined> {
  const url = `${server}/genomes/${encodeURIComponent(name)}`
  const summary = await orUnclear(network.json<Partial<GenomeSummary> | null>(url))
  const digest = summary?.digest ?? ''
  const isMeant = isGenomeDigest(digest) && (digest === name || !isGenomeDigest(name))
  return isMeant ? genomeIn(summary as GenomeSummary) : undefined
}

function genomeIn({ digest, aliases, description }: GenomeSummary): RemoteAsset['genome'] {
  return {
    digest,
    aliases: namesIn(aliases),
    ...(typeof description === 'string' && description !== '' && { description }),
  }
}

/** An entry of `/genomes`, and what is read of `/genomes/{genome}`. */
interface GenomeSummary {
  readonly digest: string
  readonly aliases: readonly string[]
  readonly description: string | null
}

/** How a record is kept: by the name that was asked for. */
export function preparedKey({ genome, asset, tag = '' }: AssetName): string {
  return `${genome}/${asset}:${tag}`
}

/** All names of a record. */
function* keysOf({ genome, asset, tag, is_default }: TagRecord): Generator<string> {
  for (const name of [genome.digest, ...genome.aliases]) {
    yield preparedKey({ genome: name, asset, tag })
    if (is_default) yield preparedKey({ genome: name, asset })
  }
}
