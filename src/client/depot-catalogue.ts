/** The catalogue of a refdepot: its own records tell sizes in bytes, both digests, and what `latest` means. */
import { isMd5, isSha256 } from '../domain/digest.ts'
import type { Network } from '../transfer/network.ts'
import { discard, refusalOf } from '../transfer/network-answer.ts'
import { nameIn, namesIn, notUnderstood } from './answer-shape.ts'
import {
  attributesOf,
  genomeOf,
  preparedKey,
  prepareRecords,
  recordPages,
  type TagRecord,
} from './depot-records.ts'
import { ParentDigests } from './parent-digests.ts'
import { archiveSize, nameOf } from './refgenieserver-catalogue.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { AssetName, ListedAsset, ListQuery, ServerCatalogue } from './server-catalogue.ts'
import { orMissing, orUnclear, ServerGenomes } from './server-genomes.ts'
import { ServerNames } from './server-names.ts'

/** See the head of this file. */
export class DepotCatalogue implements ServerCatalogue {
  readonly server: string
  readonly #network: Network
  readonly #names: ServerNames
  readonly #genomes: ServerGenomes
  readonly #parents: ParentDigests
  #prepared = new Map<string, TagRecord>()

  constructor(server: string, network: Network) {
    this.server = server
    this.#network = network
    this.#names = new ServerNames(server, network)
    this.#genomes = new ServerGenomes(server, network, this.#names, name =>
      genomeOf(server, network, name),
    )
    this.#parents = new ParentDigests(server, network)
  }

  async prepare(names: readonly AssetName[]): Promise<void> {
    const { server } = this
    this.#prepared = await prepareRecords(names, {
      server,
      network: this.#network,
      genomes: this.#genomes,
      parents: this.#parents,
    })
  }

  async asset(name: AssetName): Promise<RemoteAsset> {
    // Asked for at the same time: a server that is far away answers each after a while.
    const [genome, found] = await Promise.all([
      this.#genomes.genome(name.genome),
      this.#taken(name) ?? orUnclear(this.#network.json<TagRecord>(this.#recordUrl(name))),
    ])
    const { digest } = genome
    const url = this.#recordUrl({ ...name, genome: digest })
    // An alias may be the name of something else at the server; a digest never is.
    const record =
      found?.genome?.digest === digest ? found : await orMissing(this.#network.json<TagRecord>(url))
    if (record === undefined) throw await this.#names.noAsset(digest, name)
    const tag = nameIn(url, record.tag)
    const attributes = attributesOf(url, record, name.asset)
    return {
      server: this.server,
      registryPath: `${name.genome}/${name.asset}:${tag}`,
      genome,
      asset: {
        name: name.asset,
        defaultTag: record.is_default ? tag : await this.#genomes.defaultTag(digest, name.asset),
        ...(typeof record.description === 'string' && { description: record.description }),
      },
      tag,
      attributes,
      parentDigests: await this.#parents.of(attributes.asset_parents ?? []),
      archive: await this.#archive(record.archive),
    }
  }

  async named(digest: string): Promise<Required<AssetName> | undefined> {
    const md5 = isSha256(digest) ? await this.#md5Of(digest) : digest
    if (md5 === undefined) return undefined
    for await (const listed of this.list({ words: md5 })) {
      if (listed.archive.md5 !== md5 && listed.assetDigest !== md5) continue
      return { genome: nameOf(listed), asset: listed.asset, tag: listed.tag }
    }
    return undefined
  }

  async *list({ genome, asset, words = '' }: ListQuery): AsyncIterable<ListedAsset> {
    // A genome that is not there would be an empty list.
    if (genome !== undefined) await this.#genomes.genome(genome)
    const filter = {
      ...(words.trim() !== '' && { q: words }),
      ...(genome !== undefined && { genome }),
      ...(asset !== undefined && { asset }),
    }
    for await (const { items } of recordPages(this.server, this.#network, filter)) {
      for (const record of items) yield this.#listed(record)
    }
  }

  archiveUrl({ archive }: Pick<RemoteAsset, 'archive'>): string {
    return archiveUrlOf(this.server, archive.md5)
  }

  #recordUrl({ genome, asset, tag }: AssetName): string {
    const query = tag === undefined ? '' : `?tag=${encodeURIComponent(tag)}`
    return `${this.server}/${encodeURIComponent(genome)}/assets/${encodeURIComponent(asset)}${query}`
  }

  /** A record that was prepared; it is used once, since there may be very many. */
  #taken(name: AssetName): TagRecord | undefined {
    const key = preparedKey(name)
    const record = this.#prepared.get(key)
    this.#prepared.delete(key)
    return record
  }

  async #archive({ md5, sha256, bytes }: TagRecord['archive']): Promise<RemoteAsset['archive']> {
    const url = archiveUrlOf(this.server, md5)
    const size = bytes ?? (await archiveSize(this.#network, url))
    if (!Number.isSafeInteger(size) || size < 1) throw notUnderstood(url, 'no size of the archive')
    return {
      md5,
      ...(isSha256(sha256 ?? '') && { sha256: sha256 as string }),
      size,
      indexed: true,
      urls: [url],
    }
  }

  /** The md5 of the archive with a sha256: every archive is tagged with it. */
  async #md5Of(sha256: string): Promise<string | undefined> {
    const headers = await this.#head(archiveUrlOf(this.server, sha256))
    const md5 = /^"([0-9a-f]{32})"$/.exec(headers?.etag ?? '')?.[1]
    return md5
  }

  /** Headers of an answer; undefined when there is none. */
  async #head(url: string): Promise<Readonly<Record<string, string>> | undefined> {
    return orMissing(
      this.#network.again(async () => {
        const answer = await this.#network.request(url, { method: 'HEAD' })
        if (answer.status !== 200) throw await refusalOf(answer)
        await discard(answer.body)
        return answer.headers
      }),
    )
  }

  #listed(record: TagRecord): ListedAsset {
    const url = `${this.server}/assets`
    const { genome, asset, tag, is_default, description, asset_digest, archive } = record
    if (!isMd5(archive?.md5 ?? '')) throw notUnderstood(url, 'no digest of an archive')
    return {
      server: this.server,
      genome: { digest: genome.digest, aliases: namesIn(genome.aliases) },
      asset: nameIn(url, asset),
      tag: nameIn(url, tag),
      isDefault: is_default === true,
      ...(typeof description === 'string' && { description }),
      assetDigest: asset_digest,
      archive: {
        md5: archive.md5,
        ...(isSha256(archive.sha256 ?? '') && { sha256: archive.sha256 as string }),
        ...(typeof archive.bytes === 'number' && { size: archive.bytes }),
        sizeText: archive.size,
      },
    }
  }
}

function archiveUrlOf(server: string, digest: string): string {
  return `${server}/archives/${digest}`
}
