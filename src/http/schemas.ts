/** Schemas that more than one route answers with; they become components of the OpenAPI document. */
import type { TSchema } from '@sinclair/typebox'
import { Type } from '../domain/schema.ts'
import { RELEASE_SCHEMAS } from './release-schemas.ts'

const EXAMPLE_DIGEST = '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905'

const TAG = Type.Object(
  {
    asset_path: Type.String({ description: 'Folder of the asset below the genome' }),
    asset_digest: Type.String({ description: 'md5 over the md5s of the files' }),
    archive_digest: Type.String({ description: 'md5 of the archive' }),
    asset_size: Type.String({ description: 'Size of the unpacked asset, for people' }),
    archive_size: Type.String({ description: 'Size of the archive, for people' }),
    seek_keys: Type.Record(Type.String(), Type.String(), {
      description: 'Seek key to path below the tag folder',
    }),
    asset_parents: Type.Array(Type.String(), { description: 'Assets this one was built from' }),
    asset_children: Type.Array(Type.String(), { description: 'Assets built from this one' }),
  },
  {
    $id: 'Tag',
    examples: [
      {
        asset_path: 'fasta',
        asset_digest: '51a58ef25e4f1d7e76f226fd5655754f',
        archive_digest: '3fba3a7323b8c2e81de148711ade38cb',
        asset_size: '53.55 KB',
        archive_size: '12.84 KB',
        seek_keys: { fasta: `${EXAMPLE_DIGEST}.fa`, dir: '.' },
        asset_parents: [],
        asset_children: [`${EXAMPLE_DIGEST}/bwa_index:default`],
      },
    ],
  },
)

const ASSET = Type.Object(
  {
    asset_description: Type.String(),
    tags: Type.Record(Type.String(), Type.Ref('Tag')),
    default_tag: Type.String(),
  },
  { $id: 'Asset' },
)

const GENOME = Type.Object(
  {
    genome_description: Type.String(),
    assets: Type.Record(Type.String(), Type.Ref('Asset')),
    aliases: Type.Array(Type.String()),
  },
  { $id: 'Genome' },
)

const DETAIL = Type.Object(
  {
    detail: Type.Union([Type.String(), Type.Array(Type.Unknown())], {
      description: 'What is wrong; a list when parameters do not validate',
    }),
    code: Type.Optional(Type.String({ description: 'Stable name of the error, where it has one' })),
  },
  { $id: 'Detail', examples: [{ detail: 'No such asset (fasta) on server' }] },
)

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()])

const PROBLEM = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable name of the error (docs/errors.md)' }),
    registry_path: Type.Optional(Type.String({ description: 'Of a withdrawn tag' })),
    reason: Type.Optional(Type.String({ description: 'Why a tag was withdrawn' })),
    successor: Type.Optional(
      nullable(
        Type.Object(
          { registry_path: Type.String(), url: Type.String({ format: 'uri' }) },
          { description: 'What took the place of a withdrawn tag' },
        ),
      ),
    ),
  },
  {
    $id: 'Problem',
    description: 'A problem as RFC 9457 describes it',
    examples: [
      {
        type: 'urn:refdepot:problem:unknown-asset',
        title: 'Not Found',
        status: 404,
        detail: "genome t7 has no asset 'hisat2_index' here",
        code: 'unknown-asset',
      },
    ],
  },
)

const GENOME_SUMMARY = Type.Object(
  {
    digest: Type.String(),
    aliases: Type.Array(Type.String()),
    description: nullable(Type.String()),
    asset_count: Type.Integer(),
    archive_count: Type.Integer({ description: 'Number of tags over all assets' }),
    assets_url: Type.String({ format: 'uri' }),
  },
  { $id: 'GenomeSummary' },
)

const ASSET_RECORD = Type.Object(
  {
    registry_path: Type.String({ description: 'genome digest/asset:tag' }),
    genome: Type.Object({ digest: Type.String(), aliases: Type.Array(Type.String()) }),
    asset: Type.String(),
    tag: Type.String(),
    is_default: Type.Boolean(),
    description: nullable(Type.String()),
    asset_digest: Type.String(),
    asset_size: Type.String({ description: 'Unpacked, for people' }),
    asset_bytes: nullable(
      Type.Integer({ description: 'Unpacked, as exact as the two decimals of asset_size' }),
    ),
    archive: Type.Object({
      md5: Type.String(),
      sha256: nullable(Type.String({ description: 'Null until it was computed' })),
      size: Type.String({ description: 'For people' }),
      bytes: nullable(Type.Integer({ description: 'Exact; null when the file is not there' })),
      modified: nullable(Type.String({ format: 'date-time' })),
      url: Type.String({ format: 'uri' }),
    }),
    licence: nullable(Type.String({ description: 'SPDX id or URL' })),
    redistribute: nullable(Type.Boolean({ description: 'May it be passed on' })),
    source: nullable(Type.String({ description: 'Where it comes from: a URL or a text' })),
    release: nullable(Type.String({ description: 'Release of the source' })),
    accession: nullable(Type.String()),
    citation: nullable(Type.String()),
    downloads: nullable(
      Type.Integer({ description: 'Complete downloads of the archive; null when nobody counts' }),
    ),
    seek_keys: Type.Record(Type.String(), Type.String()),
    parents: Type.Array(Type.String()),
    children: Type.Array(Type.String()),
  },
  { $id: 'AssetRecord', description: 'One tag of an asset' },
)

const ASSET_PAGE = Type.Object(
  {
    items: Type.Array(Type.Ref('AssetRecord')),
    total: Type.Integer({ description: 'Length of the whole list' }),
    offset: Type.Integer(),
    limit: Type.Integer(),
  },
  { $id: 'AssetPage' },
)

const NUMBERS = {
  downloads: Type.Integer({ description: 'Complete downloads of archives' }),
  bytes: Type.Integer({ description: 'Bytes sent of archives and of their files' }),
}

const DOWNLOAD_REPORT = Type.Object(
  {
    since: nullable(Type.String({ format: 'date' })),
    until: nullable(Type.String({ format: 'date' })),
    totals: Type.Object(NUMBERS, { description: 'Over all pages' }),
    items: Type.Array(
      Type.Object({
        registry_path: nullable(Type.String({ description: 'genome digest/asset:tag' })),
        archive: Type.String({ description: 'md5 of the archive' }),
        ...NUMBERS,
        days: Type.Array(
          Type.Object({ day: Type.String({ format: 'date', description: 'UTC' }), ...NUMBERS }),
        ),
      }),
    ),
    total: Type.Integer({ description: 'Number of archives over all pages' }),
    offset: Type.Integer(),
    limit: Type.Integer(),
  },
  { $id: 'DownloadReport' },
)

/** Schemas to register with the app, referred to by `$ref`. */
export const SHARED_SCHEMAS: readonly TSchema[] = [
  TAG,
  ASSET,
  GENOME,
  DETAIL,
  PROBLEM,
  GENOME_SUMMARY,
  ASSET_RECORD,
  ASSET_PAGE,
  DOWNLOAD_REPORT,
  ...RELEASE_SCHEMAS,
]

/** What may stand in a path, by placeholder. */
const PATH_PARAMETERS: Readonly<Record<string, TSchema>> = {
  genome: Type.String({ description: 'Genome: digest or, where allowed, alias' }),
  asset: Type.String({ description: 'Name of the asset' }),
  tag: Type.String({ description: 'Name of the tag' }),
  seek_key: Type.String({ description: 'Name of the seek key' }),
  alias: Type.String({ description: 'Alias of the genome' }),
  digest: Type.String({ description: 'md5 or sha256 of the archive, in hex' }),
  link: Type.String({ description: 'Signed part of a short-lived link' }),
  name: Type.String({ description: 'Name of a file, of a token, or of a release' }),
  to: Type.String({ description: 'Name of another release' }),
  id: Type.String({ description: 'Id of an upload or manifest', maxLength: 64 }),
  number: Type.String({ description: 'Number of a part, from 1', pattern: '^[1-9]\\d{0,4}$' }),
  path: Type.String({ description: 'Path of the file below the folder of the asset' }),
}

/** The schema of the placeholders (`{name}`) of a path. */
export function parametersOf(path: string): TSchema | undefined {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
  if (names.length === 0) return undefined
  return Type.Object(
    Object.fromEntries(names.map(name => [name, PATH_PARAMETERS[name] as TSchema])),
  )
}

/** A response of one content type. */
export function responseOf(
  description: string,
  mediaType: string,
  schema: object,
  example?: unknown,
): object {
  const content = { schema, ...(example !== undefined && { example }) }
  return { description, content: { [mediaType]: content } }
}

/** A response without body. */
export function emptyResponse(description: string): object {
  return { description, type: 'null' }
}

/** A body of bytes that callers may be sent to the store for. */
export function archiveResponses(description: string) {
  const moved = 'The store has it (with `--serve-from redirect` or `auto`): see Location'
  return { ...bytesResponses(description), 307: emptyResponse(moved) }
}

/** A body of bytes, with the statuses that ranges and conditions bring. */
export function bytesResponses(description: string, mediaType = 'application/octet-stream') {
  const binary = { type: 'string', format: 'binary' }
  return {
    200: responseOf(description, mediaType, binary),
    206: {
      description: 'The ranges asked for',
      content: { [mediaType]: { schema: binary }, 'multipart/byteranges': { schema: binary } },
    },
    304: emptyResponse('Not modified: the ETag or time of the request still holds'),
    412: emptyResponse('If-Match or If-Unmodified-Since does not hold'),
    416: emptyResponse('No range asked for lies within the file'),
  }
}
