/** The catalogue of a refdepot: its own records tell sizes in bytes, both digests, and what `latest` means. */
import { isMd5, isSha256 } from '../domain/digest.ts'
import { discard, type Network, refusalOf } from '../transfer/network.ts'
import { attributesIn, nameIn, namesIn, notUnderstood } from './answer-shape.ts'
import { ParentDigests } from './parent-digests.ts'
import { archiveSize, attributesUrl, nameOf } from './refgenieserver-catalogue.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { AssetName, ListedAsset, ListQuery, ServerCatalogue } from './server-catalogue.ts'
import { orMissing, ServerGenomes } from './server-genomes.ts'
import { ServerNames } from './server-names.ts'

/** What is read of a record of a tag; `openapi.json` has all of it. */
interface TagRecord {
  readonly genome: { readonly digest: string; readonly aliases: readonly string[] }
  readonly asset: string
  readonly tag: string
  readonly is_default: boolean
  readonly description: string | null
  readonly asset_digest: string
  readonly archive: {
    readonly md5: string
    readonly sha256: string | null
    readonly size: string
    readonly bytes: number | null
  }
}

// The most that a server answers at once.
const PAGE = 1000

/** See the head of this file. */
export class DepotCatalogue implements ServerCatalogue {
  readonly server: string
  readonly #network: Network
  readonly #names: ServerNames
  readonly #genomes: ServerGenomes
  readonly #parents: ParentDigests

  constructor(server: string, network: Network) {
    this.server = server
    this.#network = network
    this.#names = new ServerNames(server, network)
    this.#genomes = new ServerGenomes(server, network, this.#names)
    this.#parents = new ParentDigests(server, network)
  }

  async asset(name: AssetName): Promise<RemoteAsset> {
    const genome = await this.#genomes.genome(name.genome)
    const { digest } = genome
    const query = name.tag === undefined ? '' : `?tag=${encodeURIComponent(name.tag)}`
    const url = `${this.server}/${digest}/assets/${encodeURIComponent(name.asset)}${query}`
    const record = await orMissing(this.#network.json<TagRecord>(url))
    if (record === undefined) throw await this.#names.noAsset(digest, name)
    const tag = nameIn(url, record.tag)
    const attributesAt = attributesUrl(this.server, digest, name.asset, tag)
    const [answer, defaultTag] = await Promise.all([
      this.#network.json<unknown>(attributesAt),
      record.is_default ? tag : this.#genomes.defaultTag(digest, name.asset),
    ])
    const attributes = attributesIn(attributesAt, answer, name.asset)
    if (attributes.archive_digest !== record.archive.md5) {
      throw notUnderstood(url, 'another archive than before: it was just published anew; try again')
    }
    return {
      server: this.server,
      registryPath: `${name.genome}/${name.asset}:${tag}`,
      genome,
      asset: {
        name: name.asset,
        defaultTag,
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
    const query = new URLSearchParams({ limit: `${PAGE}` })
    if (words.trim() !== '') query.set('q', words)
    if (genome !== undefined) query.set('genome', genome)
    if (asset !== undefined) query.set('asset', asset)
    for (let offset = 0; ; offset += PAGE) {
      query.set('offset', `${offset}`)
      const url = `${this.server}/assets?${query}`
      const page = await this.#network.json<{ items?: readonly TagRecord[]; total?: number }>(url)
      if (!Array.isArray(page.items)) throw notUnderstood(url, 'no list of assets')
      for (const record of page.items as readonly TagRecord[]) yield this.#listed(url, record)
      if (offset + PAGE >= Number(page.total)) return
    }
  }

  archiveUrl({ archive }: Pick<RemoteAsset, 'archive'>): string {
    return archiveUrlOf(this.server, archive.md5)
  }

  async #archive({ md5, sha256, bytes }: TagRecord['archive']): Promise<RemoteAsset['archive']> {
    const url = archiveUrlOf(this.server, md5)
    const size = bytes ?? (await archiveSize(this.#network, url))
    if (!Number.isSafeInteger(size) || size < 1) throw notUnderstood(url, 'no size of the archive')
    const head = await this.#head(`${url}/index`)
    return {
      md5,
      ...(isSha256(sha256 ?? '') && { sha256: sha256 as string }),
      size,
      indexed: head !== undefined,
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

  #listed(url: string, record: TagRecord): ListedAsset {
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
