/** `refdepot ls` and `search`: what servers have, and what is here. */
import { type LocalAsset, listLocal } from '../client/local-assets.ts'
import type { RemoteCatalogue } from '../client/remote-catalogue.ts'
import type { ListedAsset, ListQuery } from '../client/server-catalogue.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { formatRegistryPath, parseRegistryPath } from '../domain/registry-path.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT } from './exit-codes.ts'
import { type LocalFlags, localPlaceOf } from './local-place.ts'
import type { NetworkFlags } from './network-flags.ts'
import { tableText } from './table.ts'
import { withCatalogue } from './with-network.ts'

/** Flags of `ls` and `search`. */
export interface LsFlags extends NetworkFlags, LocalFlags {
  readonly json?: boolean
}

const COLUMNS = ['Asset', 'Size', 'Digest', 'Description']

/** Lists everything, or genomes, assets and tags by their registry paths: what is in a folder with `-c` or `-o`, else what servers have. */
export async function runLs(paths: readonly string[], given: LsFlags): Promise<number> {
  const queries = paths.length === 0 ? [{}] : paths.map(queryOf)
  if (isLocal(given))
    return showLocal(given, listed => queries.some(query => isMeant(listed, query)))
  return withCatalogue(given, async catalogue => {
    const found: ListedAsset[] = []
    for (const query of queries) found.push(...(await matching(catalogue, query)))
    show(found, given)
    return EXIT.ok
  })
}

/** Lists what has all of these words; nothing at all is exit code 3. */
export async function runSearch(words: readonly string[], given: LsFlags): Promise<number> {
  const text = words.join(' ')
  if (isLocal(given)) return showLocal(given, listed => hasWords(listed, text))
  return withCatalogue(given, async catalogue => {
    const found = await matching(catalogue, { words: text })
    show(found, given)
    return found.length > 0 ? EXIT.ok : nothing()
  })
}

/** A folder is meant when one is named, or when no server is but `$REFGENIE` names a config. */
function isLocal(flags: LsFlags): boolean {
  const named = flags.config ?? flags.output
  if (named !== undefined && flags.server !== undefined) {
    throw new SettingInvalid('--server', flags.server.join(' '), 'a server or a folder, not both')
  }
  if (named !== undefined || flags.server !== undefined) return named !== undefined
  const { server } = withClientSettings(flags, process.env)
  return server === undefined && (process.env.REFGENIE ?? '') !== ''
}

async function showLocal(
  flags: LsFlags,
  isWanted: (listed: LocalAsset) => boolean,
): Promise<number> {
  const found = (await listLocal(localPlaceOf(flags))).filter(isWanted)
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(found.map(localRecordOf), null, 2)}\n`)
  } else if (found.length > 0) {
    const rows = found.map(listed => [listed.registryPath, stateOf(listed), listed.path])
    process.stdout.write(tableText(['Asset', 'State', 'Path'], rows.sort(byFirst)))
  }
  return found.length > 0 ? EXIT.ok : nothing()
}

function nothing(): number {
  process.stderr.write('nothing found\n')
  return EXIT.notFound
}

function stateOf({ isThere, form }: LocalAsset): string {
  return isThere ? form : 'missing'
}

function isMeant(listed: LocalAsset, { genome, asset, tag }: PathQuery): boolean {
  const { aliases, genome: digest } = listed
  if (genome !== undefined && digest !== genome && !aliases.includes(genome)) return false
  return (asset ?? listed.asset) === listed.asset && (tag ?? listed.tag) === listed.tag
}

function hasWords(
  { registryPath, aliases, genome, assetDigest, record }: LocalAsset,
  text: string,
) {
  const { description = '' } = record?.genome ?? {}
  const texts = [registryPath, ...aliases, genome, assetDigest, record?.archive.md5, description]
  const all = texts.join('\n').toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every(word => all.includes(word))
}

function localRecordOf(listed: LocalAsset): object {
  const { registryPath, genome, aliases, asset, tag, isDefault, path, assetDigest, record } = listed
  return {
    registry_path: registryPath,
    genome: { digest: genome, aliases },
    asset,
    tag,
    is_default: isDefault,
    state: stateOf(listed),
    path,
    asset_digest: assetDigest ?? null,
    archive: record === undefined ? null : record.archive,
  }
}

type PathQuery = ListQuery & { readonly tag?: string }

async function matching(
  catalogue: RemoteCatalogue,
  { tag, ...query }: PathQuery,
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

/** What a path means in a list: `hg38` is a genome here, `hg38/fasta` an asset of it. */
function queryOf(path: string): PathQuery {
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
    .sort(byFirst)
  if (rows.length > 0) process.stdout.write(tableText(COLUMNS, rows))
}

function byFirst([a = '']: readonly string[], [b = '']: readonly string[]): number {
  return byCodePoint(a, b)
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
