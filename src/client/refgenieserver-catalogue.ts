/** The catalogue of a refgenieserver: API v3, and what `refgenie listr` lives on. */
import type { Network } from '../transfer/network.ts'
import { discard, refusalOf } from '../transfer/network-answer.ts'
import { attributesIn, nameIn, notUnderstood } from './answer-shape.ts'
import { genomesIn, matches } from './listed-genomes.ts'
import { ParentDigests } from './parent-digests.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { AssetName, ListedAsset, ListQuery, ServerCatalogue } from './server-catalogue.ts'
import { orMissing, ServerGenomes } from './server-genomes.ts'
import { ServerNames } from './server-names.ts'

/** See the head of this file. */
export class RefgenieserverCatalogue implements ServerCatalogue {
  readonly server: string
  readonly #network: Network
  readonly #names: ServerNames
  readonly #genomes: ServerGenomes
  readonly #parents: ParentDigests
  #listed: Promise<ListedAsset[]> | undefined

  constructor(server: string, network: Network) {
    this.server = server
    this.#network = network
    this.#names = new ServerNames(server, network)
    this.#genomes = new ServerGenomes(server, network, this.#names)
    this.#parents = new ParentDigests(server, network)
  }

  async asset(name: AssetName): Promise<RemoteAsset> {
    const genome = await this.#genomes.genome(name.genome)
    const defaultTag = await this.#genomes.defaultTag(genome.digest, name.asset)
    const tag = name.tag ?? nameIn(this.server, defaultTag)
    const url = attributesUrl(this.server, genome.digest, name.asset, tag)
    const answer = await orMissing(this.#network.json<unknown>(url))
    if (answer === undefined) throw await this.#names.noAsset(genome.digest, { ...name, tag })
    const attributes = attributesIn(url, answer, name.asset)
    const archiveUrl = archiveUrlOf(this.server, genome.digest, name.asset, tag)
    return {
      server: this.server,
      registryPath: `${name.genome}/${name.asset}:${tag}`,
      genome,
      asset: { name: name.asset, defaultTag },
      tag,
      attributes,
      parentDigests: await this.#parents.of(attributes.asset_parents ?? []),
      archive: {
        md5: attributes.archive_digest as string,
        size: await archiveSize(this.#network, archiveUrl),
        indexed: false,
        urls: [archiveUrl],
      },
    }
  }

  // There is no list with everything that is needed.
  async prepare(): Promise<void> {}

  async named(digest: string): Promise<Required<AssetName> | undefined> {
    const found = (await this.#all()).find(
      ({ archive, assetDigest }) => archive.md5 === digest || assetDigest === digest,
    )
    return found && { genome: nameOf(found), asset: found.asset, tag: found.tag }
  }

  async *list(query: ListQuery): AsyncIterable<ListedAsset> {
    const all = await this.#all()
    if (query.genome !== undefined) await this.#genomes.genome(query.genome)
    yield* all.filter(listed => matches(listed, query))
  }

  archiveUrl({ genome, asset, tag }: Pick<RemoteAsset, 'genome' | 'asset' | 'tag'>): string {
    return archiveUrlOf(this.server, genome.digest, asset.name, tag)
  }

  #all(): Promise<ListedAsset[]> {
    this.#listed ??= this.#network
      .json<unknown>(`${this.server}/_private_api/genomes/dict`)
      .then(genomes => genomesIn(this.server, genomes))
    return this.#listed
  }
}

function attributesUrl(server: string, digest: string, asset: string, tag: string): string {
  return `${server}/v3/assets/attrs/${digest}/${encodeURIComponent(asset)}?tag=${encodeURIComponent(tag)}`
}

/**
 * Bytes of an archive. refgenieserver answers no HEAD, but ranges.
 *
 * @throws RemoteFailed
 */
export async function archiveSize(network: Network, url: string): Promise<number> {
  return network.again(async () => {
    const answer = await network.request(url, { headers: { range: 'bytes=0-0' } })
    const { status, headers } = answer
    if (status !== 200 && status !== 206) throw await refusalOf(answer)
    await discard(answer.body)
    const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
    const size = Number((status === 206 ? total : headers['content-length']) ?? Number.NaN)
    if (Number.isSafeInteger(size) && size > 0) return size
    throw notUnderstood(url, 'without saying how long it is')
  })
}

/** The name people know the genome of a listed asset by. */
export function nameOf({ genome }: ListedAsset): string {
  return genome.aliases[0] ?? genome.digest
}

function archiveUrlOf(server: string, digest: string, asset: string, tag: string): string {
  return `${server}/v3/assets/archive/${digest}/${encodeURIComponent(asset)}?tag=${encodeURIComponent(tag)}`
}
