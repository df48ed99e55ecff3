/** `refdepot ls` and `search`: what servers have. */
import { RemoteCatalogue } from '../client/remote-catalogue.ts'
import type { ListedAsset, ListQuery } from '../client/server-catalogue.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { formatRegistryPath, parseRegistryPath } from '../domain/registry-path.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { EXIT } from './exit-codes.ts'
import { type NetworkFlags, networkOf, serversOf } from './network-flags.ts'
import { tableText } from './table.ts'

/** Flags of `ls` and `search`. */
export interface LsFlags extends NetworkFlags {
  readonly json?: boolean
}

const COLUMNS = ['Asset', 'Size', 'Digest', 'Description']

/** Lists everything, or genomes, assets and tags by their registry paths. */
export async function runLs(paths: readonly string[], flags: LsFlags): Promise<number> {
  const queries = paths.length === 0 ? [{}] : paths.map(queryOf)
  return withCatalogue(flags, async catalogue => {
    const found: ListedAsset[] = []
    for (const query of queries) found.push(...(await matching(catalogue, query)))
    show(found, flags)
    return EXIT.ok
  })
}

/** Lists what has all of these words; nothing at all is exit code 3. */
export async function runSearch(words: readonly string[], flags: LsFlags): Promise<number> {
  return withCatalogue(flags, async catalogue => {
    const found = await matching(catalogue, { words: words.join(' ') })
    show(found, flags)
    if (found.length > 0) return EXIT.ok
    process.stderr.write(`nothing has ${words.join(' and ')}\n`)
    return EXIT.notFound
  })
}

async function matching(
  catalogue: RemoteCatalogue,
  { tag, ...query }: ListQuery & { readonly tag?: string },
): Promise<ListedAsset[]> {
  const found: ListedAsset[] = []
  for await (const listed of catalogue.list(query)) {
    if (tag === undefined || listed.tag === tag) found.push(listed)
  }
  const { genome, asset } = query
  if (found.length === 0 && genome !== undefined && asset !== undefined) {
    // The error of a look-up names what is there instead.
    await catalogue.resolve({ genome, asset, ...(tag !== undefined && { tag }) })
  }
  return found
}

async function withCatalogue(
  flags: NetworkFlags,
  action: (catalogue: RemoteCatalogue) => Promise<number>,
): Promise<number> {
  const note = (text: string) => process.stderr.write(`${text}\n`)
  const network = await networkOf(flags, process.env, note)
  try {
    const servers = serversOf(flags, process.env)
    return await action(new RemoteCatalogue({ network, servers, note }))
  } finally {
    await network.close()
  }
}

/** What a path means in a list: `hg38` is a genome here, `hg38/fasta` an asset of it. */
function queryOf(path: string): ListQuery & { readonly tag?: string } {
  const parsed = parseRegistryPath(path)
  if (parsed === undefined || parsed.seekKey !== undefined) {
    throw new SettingInvalid('the registry path', path, 'GENOME, GENOME/ASSET or GENOME/ASSET:TAG')
  }
  const { genome, asset, tag } = parsed
  if (genome === undefined) return { genome: asset }
  return { genome, asset, ...(tag !== undefined && { tag }) }
}

function show(found: readonly ListedAsset[], { json }: LsFlags): void {
  if (json === true) {
    const records = found.map(recordOf)
    process.stdout.write(`${JSON.stringify(records, null, 2)}\n`)
    return
  }
  const rows = found
    .map(listed => {
      const { archive, description = '' } = listed
      return [pathOf(listed), archive.sizeText, archive.md5, oneLine(description)]
    })
    .sort(([a = ''], [b = '']) => byCodePoint(a, b))
  if (rows.length > 0) process.stdout.write(tableText(COLUMNS, rows))
}

function recordOf(listed: ListedAsset): object {
  const { server, genome, asset, tag, isDefault, description, assetDigest, archive } = listed
  return {
    registry_path: pathOf(listed),
    server,
    genome: { digest: genome.digest, aliases: genome.aliases },
    asset,
    tag,
    is_default: isDefault,
    description: description ?? null,
    asset_digest: assetDigest,
    archive: {
      md5: archive.md5,
      sha256: archive.sha256 ?? null,
      bytes: archive.size ?? null,
      size: archive.sizeText,
    },
  }
}

function pathOf({ genome, asset, tag }: ListedAsset): string {
  return formatRegistryPath({ genome: genome.aliases[0] ?? genome.digest, asset, tag })
}

/** A description of somebody else on a terminal: one short line, without what a terminal would obey. */
function oneLine(text: string): string {
  const plain = text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
  return plain.length > 60 ? `${plain.slice(0, 59)}…` : plain
}
