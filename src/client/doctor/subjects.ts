/** What is examined at a server: one archive, and one FASTA file with its index. */
import type { Probe } from './probe.ts'
import { jsonIn, listingIn, routeUrl, type ServerKind } from './server-kind.ts'

/** An asset of a server that has the API of refgenieserver. */
export interface SubjectAsset {
  /** Alias of the genome; its digest when it has none. */
  readonly genome: string
  readonly digest: string
  readonly asset: string
  readonly tag: string
}

/** See the head of this file. */
export interface Subjects {
  /** Archives or files that can be seen. */
  readonly count: number
  readonly asset?: SubjectAsset
  /** The archive, or the file that the doctor was given. */
  readonly file?: { readonly url: string; readonly md5?: string }
  /** Address of a FASTA file; its indexes are beside it. */
  readonly fasta?: string
}

type Listing = Readonly<Record<string, readonly string[]>>

const FASTA = /\.(?:fa|fasta|fna)(?:\.gz|\.bgz)?$/i
// A listing of 20,000 archives has 1 MB.
const MOST_LISTING = 64 * 1024 * 1024

/** What to examine at a server. Throws RemoteFailed. */
export async function subjectsOf(
  server: string,
  kind: ServerKind,
  probe: Probe,
): Promise<Subjects> {
  if (kind.name === 'files') return fileSubjects(server)
  const text = async (name: string, parameters: Record<string, string> = {}) => {
    const url = routeUrl(server, kind.routes, name, parameters)
    if (url === undefined) return Buffer.alloc(0)
    const { status, bytes } = await probe.ask(url, { most: MOST_LISTING })
    return status === 200 ? bytes : Buffer.alloc(0)
  }
  const listing = listingIn(await text('v3custom_Id_assets'))
  const count = Object.values(listing).reduce((sum, names) => sum + names.length, 0)
  const [digest, asset] = chosen(listing) ?? []
  if (digest === undefined || asset === undefined) return { count }
  const place = { genome: digest, asset }
  // As text: a tag `1.10` is no number.
  const tag = String(await text('v3custom_Id_default_tag', place)).replaceAll('"', '') || 'default'
  const aliases = listingIn(await text('v3custom_Id_aliases_dict'))
  const genome = aliases[digest]?.[0] ?? digest
  const attributes = jsonIn(await text('v3custom_Id_asset_attrs', place)) as Attributes | undefined
  const archive = routeUrl(server, kind.routes, 'v3custom_Id_archive', place)
  const md5 = textOf(attributes?.archive_digest)
  const path = textOf(attributes?.seek_keys?.fasta)?.split('/').map(encodeURIComponent).join('/')
  const files = `${server}/${digest}/assets/${asset}:${tag}/files`
  return {
    count,
    asset: { genome, digest, asset, tag },
    ...(archive && {
      file: { url: `${archive}?tag=${encodeURIComponent(tag)}`, ...(md5 && { md5 }) },
    }),
    ...(kind.name === 'refdepot' && path && { fasta: `${files}/${path}` }),
  }
}

/** As other software may tell them, in whatever shape. */
interface Attributes {
  readonly archive_digest?: unknown
  readonly seek_keys?: { readonly fasta?: unknown }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A FASTA asset, since every client can do something with it; else any. */
function chosen(listing: Listing): readonly [string, string] | undefined {
  const all = Object.entries(listing).flatMap(([digest, names]) =>
    names.map(name => [digest, name] as const),
  )
  return all.find(([, name]) => name === 'fasta') ?? all[0]
}

function fileSubjects(url: string): Subjects {
  const { pathname } = new URL(url)
  if (pathname === '/' || pathname === '') return { count: 0 }
  return { count: 1, file: { url }, ...(FASTA.test(pathname) && { fasta: url }) }
}
