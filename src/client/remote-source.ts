/** Another server as a source of whole archives: what it lists, what it says of that, and where the files are. */

import { type LegacyDigests, type RemoteListing, readListing } from '../archive/remote-listing.ts'
import { findTag, type TagName } from '../archive/server-record.ts'
import { parseGenomeConfig } from '../config/genome-config.ts'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { Catalogue } from '../domain/catalogue.ts'
import { PROVENANCE_FIELDS } from '../domain/provenance.ts'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'
import { orMissing } from './server-genomes.ts'

/** What another server has at a moment. */
export interface RemoteSource {
  /** Its address, without a slash at the end. */
  readonly server: string
  readonly config: RawConfig
  readonly catalogue: Catalogue
  /** Key in a published store → address there. */
  readonly urls: ReadonlyMap<string, string>
}

/** How a server is asked. */
export interface SourceOptions {
  readonly network: Network
  /** Digests of alias-named archives that are known from an earlier run. */
  readonly legacy?: LegacyDigests
  readonly signal?: AbortSignal
}

const MARK = 'controlled'

/**
 * Asks a server for everything it lists. What it does not show to everybody is marked as controlled, so that whoever passes it on does not open it.
 *
 * @param server - its address, without a slash at the end
 * @throws RemoteFailed, ConfigInvalid
 */
export async function remoteSource(server: string, options: SourceOptions): Promise<RemoteSource> {
  const { network, legacy = new Map(), signal } = options
  const order = { headers: { accept: 'application/json' }, ...(signal && { signal }) }
  const contentAt = (url: string) => orMissing(network.bytes(url, order))
  const listing = await readListing(server, { contentAt, legacy })
  if (listing === undefined) {
    const reason = 'is no refdepot and no refgenieserver: it has no list of genomes'
    throw new RemoteFailed('answer', `${server} ${reason}`)
  }
  const everybody = await orRefused(
    network.json<RawConfig['genomes']>(`${server}/_private_api/genomes/dict`, {
      ...order,
      authorized: false,
    }),
  )
  markHidden(listing, everybody ?? {})
  await addProvenance(listing.config, url => contentAt(server + url))
  const { config, urls } = listing
  const catalogue = new Catalogue(parseGenomeConfig(formatGenomeConfig(config), server))
  return { server, config, catalogue, urls }
}

async function orRefused<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof RemoteFailed && error.fault === 'denied') return undefined
    throw error
  }
}

function markHidden({ config }: RemoteListing, everybody: NonNullable<RawConfig['genomes']>): void {
  for (const [name, tag] of tagsOf(config)) {
    if (findTag({ genomes: everybody }, name) === undefined) tag.access = MARK
  }
}

/** Every tag with its attributes, by name. */
function* tagsOf(config: RawConfig): Generator<[TagName, RawTag]> {
  for (const [genome, assets] of Object.entries(config.genomes ?? {})) {
    for (const [asset, tags] of Object.entries(assets?.assets ?? {})) {
      for (const [tag, attributes] of Object.entries(tags?.tags ?? {})) {
        if (attributes !== null) yield [{ genome, asset, tag }, attributes]
      }
    }
  }
}

/** One of the records at `/{genome}/assets` of refdepot, as far as it is used. */
interface AssetRecord {
  readonly asset: string
  readonly tag: string
  readonly redistribute: boolean | null
  readonly [field: string]: unknown
}

/** What the list of genomes leaves out: where data comes from, and what may be done with it. Only refdepot tells it. */
async function addProvenance(
  config: RawConfig,
  contentAt: (path: string) => Promise<Buffer | undefined>,
): Promise<void> {
  for (const genome of Object.keys(config.genomes ?? {})) {
    const content = await contentAt(`/${encodeURIComponent(genome)}/assets`)
    if (content === undefined) return
    for (const record of recordsIn(content)) {
      const tag = findTag(config, { genome, asset: record.asset, tag: record.tag })
      if (tag !== undefined) Object.assign(tag, saidIn(record))
    }
  }
}

function recordsIn(content: Buffer): AssetRecord[] {
  try {
    const records = JSON.parse(content.toString('utf8'))
    return Array.isArray(records) ? records.filter(it => typeof it?.asset === 'string') : []
  } catch {
    return []
  }
}

function saidIn(record: AssetRecord): RawTag {
  const texts = PROVENANCE_FIELDS.flatMap(field => {
    const value = record[field]
    return typeof value === 'string' ? [[field, value]] : []
  })
  const { redistribute } = record
  return {
    ...Object.fromEntries(texts),
    ...(typeof redistribute === 'boolean' && { redistribute: redistribute ? 'yes' : 'no' }),
  }
}
