/** The names a server has, for messages about those that it has not. */
import { NotInCatalogue } from '../domain/errors.ts'
import { didYouMean } from '../domain/nearest-names.ts'
import type { Network } from '../transfer/network.ts'
import type { AssetName } from './server-catalogue.ts'

/** What is missing: the first of genome, asset and tag that a server does not have. */
type Part = 'genome' | 'asset' | 'tag'

/** See the head of this file. Asked for once, when a name is missing. */
export class ServerNames {
  readonly #server: string
  readonly #network: Network
  #aliases: Promise<Record<string, string[]>> | undefined
  #assets: Promise<Record<string, string[]>> | undefined

  constructor(server: string, network: Network) {
    this.#server = server
    this.#network = network
  }

  /** The error for a genome that is not there. */
  async noGenome(genome: string): Promise<NotInCatalogue> {
    this.#aliases ??= this.#read('/v3/genomes/alias_dict')
    const aliases = Object.values(await this.#aliases).flat()
    return missing('genome', genome, this.#server, aliases)
  }

  /**
   * The error for an asset or tag that a genome does not have.
   *
   * @param digest - of the genome
   */
  async noAsset(digest: string, { genome, asset, tag }: AssetName): Promise<NotInCatalogue> {
    this.#assets ??= this.#read('/v3/assets/list?includeSeekKeys=true')
    const tagsOf = tagsByAsset((await this.#assets)[digest] ?? [])
    const tags = tagsOf.get(asset)
    return tags === undefined
      ? missing('asset', `${genome}/${asset}`, this.#server, tagsOf.keys(), asset)
      : missing('tag', `${genome}/${asset}:${tag ?? 'default'}`, this.#server, tags, tag)
  }

  async #read(path: string): Promise<Record<string, string[]>> {
    // Names to suggest are no reason to fail, nor to wait.
    const answer = await this.#network.json(`${this.#server}${path}`).catch(() => ({}))
    const lists = Object.entries(answer ?? {}).filter(([, names]) => Array.isArray(names))
    return Object.fromEntries(lists.map(([key, names]) => [key, (names as unknown[]).map(String)]))
  }
}

/** Names such as `fasta.fai:default` and `fasta:default`: tag names of each asset. */
function tagsByAsset(names: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const name of names) {
    const [, asset, tag] = /^([^.:]+)(?:\.[^:]*)?:(.+)$/.exec(name) ?? []
    if (asset === undefined || tag === undefined) continue
    const tags = found.get(asset) ?? new Set()
    found.set(asset, tags.add(tag))
  }
  return found
}

// More names than this are no help.
const MOST_SHOWN = 12

function missing(
  part: Part,
  asked: string,
  server: string,
  names: Iterable<string>,
  name = asked,
): NotInCatalogue {
  const all = [...names]
  const near = didYouMean(name, all)
  const few = part !== 'genome' && all.length > 0 && all.length <= MOST_SHOWN
  const instead = near === '' && few ? `; it has ${all.join(', ')}` : near
  const advice = instead === '' ? '; see `refdepot ls`' : instead
  return new NotInCatalogue(
    `unknown-${part}`,
    asked,
    `there is no ${part} ${asked} at ${server}${advice}`,
  )
}
