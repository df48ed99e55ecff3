/**
 * The shape of a genome config (0.4), as refgenconf 0.13 reads it.
 *
 * Every scalar is read as text (`read-yaml.ts` says why), so numbers do not occur. `description` says what is allowed: error
 * messages are made of it. Unknown keys are kept on every level.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import { Type } from '../domain/schema.ts'

const text = (description: string) => Type.String({ description })
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

// The writer of the Python tools leaves `key:` (null) for an empty map or list.
const empty = Type.Null()

const RELATIVES = 'a list of registry paths (genome_digest/asset:tag)'
const relatives = Type.Union([empty, Type.Array(Type.String())], { description: RELATIVES })

// Read from configs and policies alike; `access` takes any text, since what is not `open` is controlled.
export const MARK = {
  access: optional(Type.Union([empty, Type.String()], { description: 'open or controlled' })),
  study: optional(
    Type.Union([empty, Type.String(), Type.Array(Type.String())], {
      description: 'the name of a study, or a list of names',
    }),
  ),
}

const said = (description: string) => optional(Type.Union([empty, Type.String()], { description }))

// Where data comes from and what may be done with it (`domain/provenance.ts`); at genomes, assets and tags.
const PROVENANCE = {
  licence: said('an SPDX id or a URL'),
  license: said('an SPDX id or a URL'),
  redistribute: optional(
    Type.Union([empty, Type.String({ pattern: '^(?:[Yy]es|[Nn]o|[Tt]rue|[Ff]alse)$' })], {
      description: 'yes or no',
    }),
  ),
  source: said('a URL or a text'),
  release: said('a text'),
  accession: said('a text'),
  citation: said('a text'),
}

export const TAG_SCHEMA = Type.Object(
  {
    ...MARK,
    ...PROVENANCE,
    published_at: optional(text('an ISO time, written by `refdepot push`')),
    withdrawn: optional(
      Type.Union(
        [
          empty,
          Type.Object({
            reason: Type.String(),
            at: Type.String(),
            successor: optional(Type.String()),
          }),
        ],
        { description: 'a map with reason, at and successor, written by `refdepot withdraw`' },
      ),
    ),
    asset_path: optional(text('the folder of the asset below data/<genome digest>/')),
    asset_digest: optional(text('32 hex characters')),
    seek_keys: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.String())], {
        description: 'a map of seek key to path',
      }),
    ),
    asset_parents: optional(relatives),
    asset_children: optional(relatives),
    tag_description: optional(Type.Union([empty, Type.String()], { description: 'a text' })),
    archive_digest: optional(text('the md5 of the archive, 32 hex characters')),
    archive_size: optional(text('a size such as 12.83 KB')),
    asset_size: optional(text('a size such as 53.45 KB')),
    legacy_archive_digest: optional(text('an md5, 32 hex characters')),
  },
  { description: 'a map with the attributes of the tag' },
)

export const ASSET_SCHEMA = Type.Object(
  {
    ...MARK,
    ...PROVENANCE,
    asset_description: optional(Type.Union([empty, Type.String()], { description: 'a text' })),
    default_tag: optional(Type.Union([empty, Type.String()], { description: 'the name of a tag' })),
    tags: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.Union([empty, TAG_SCHEMA]))], {
        description: 'a map of tag name to tag',
      }),
    ),
  },
  { description: 'a map with asset_description, default_tag and tags' },
)

export const GENOME_SCHEMA = Type.Object(
  {
    ...MARK,
    ...PROVENANCE,
    aliases: optional(
      Type.Union([empty, Type.Array(Type.String())], {
        description: 'a list of names, one a line with a dash',
      }),
    ),
    genome_description: optional(Type.Union([empty, Type.String()], { description: 'a text' })),
    genome_digest: optional(Type.Union([empty, Type.String()], { description: 'a text' })),
    assets: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.Union([empty, ASSET_SCHEMA]))], {
        description: 'a map of asset name to asset',
      }),
    ),
  },
  { description: 'a map with aliases, genome_description and assets' },
)

const servers = Type.Union([empty, Type.String(), Type.Array(Type.String())], {
  description: 'one URL or a list of URLs',
})
const folder = (what: string) => optional(Type.Union([empty, Type.String()], { description: what }))

export const CONFIG_SCHEMA = Type.Object(
  {
    config_version: optional(text('0.3 or 0.4')),
    genome_folder: folder('a path'),
    genome_servers: optional(servers),
    genome_server: optional(servers),
    genome_archive_folder: folder('a path'),
    genome_archive_config: folder('a path'),
    genome_archive: folder('a path'),
    remote_url_base: optional(Type.Unknown()),
    remotes: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.Unknown())], {
        description: 'a map of name to {prefix, description}',
      }),
    ),
    genomes: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.Union([empty, GENOME_SCHEMA]))], {
        description: 'a map of genome digest to genome',
      }),
    ),
    refdepot: optional(
      Type.Union([empty, Type.Record(Type.String(), Type.Unknown())], {
        description: 'a map of server settings (docs/settings.md)',
      }),
    ),
  },
  { description: 'a map with config_version and genomes' },
)

export type RawConfig = Static<typeof CONFIG_SCHEMA>
export type RawGenome = Static<typeof GENOME_SCHEMA>
export type RawAsset = Static<typeof ASSET_SCHEMA>
export type RawTag = Static<typeof TAG_SCHEMA>
