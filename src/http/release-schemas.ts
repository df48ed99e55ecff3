/** Schemas of releases. */
import type { TSchema } from '@sinclair/typebox'
import { Type } from '../domain/schema.ts'

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()])

const RELEASE_SUMMARY = Type.Object(
  {
    name: Type.String(),
    description: nullable(Type.String()),
    created: Type.String({ format: 'date-time' }),
    generation: nullable(Type.Integer({ description: 'Generation of a store it was made from' })),
    entry_count: Type.Integer({ description: 'Number of its archives' }),
    url: Type.String({ format: 'uri' }),
  },
  { $id: 'ReleaseSummary' },
)

const RELEASE_ENTRY = Type.Object(
  {
    registry_path: Type.String({ description: 'genome digest/asset:tag' }),
    genome: Type.Object({ digest: Type.String(), aliases: Type.Array(Type.String()) }),
    asset: Type.String(),
    tag: Type.String(),
    asset_digest: Type.String(),
    archive: Type.Object({
      md5: Type.String(),
      sha256: Type.String(),
      size: Type.Integer({ description: 'Bytes' }),
      url: Type.String({ format: 'uri' }),
    }),
    available: Type.Boolean({ description: 'True when this server serves the archive now' }),
    withdrawn: nullable(
      Type.Object({
        reason: Type.String(),
        at: Type.String({ format: 'date-time' }),
        successor: nullable(Type.String({ description: 'Registry path' })),
      }),
    ),
  },
  { $id: 'ReleaseEntry', description: 'One archive of a release' },
)

/** Schemas to register with the app, referred to by `$ref`. */
export const RELEASE_SCHEMAS: readonly TSchema[] = [RELEASE_SUMMARY, RELEASE_ENTRY]
