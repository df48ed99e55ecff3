/** Native routes by digest: archives and files whose URL names their bytes, so that they may be kept for ever. */

import type { FastifyInstance } from 'fastify'
import { archiveName } from '../../archive/archive-places.ts'
import { isMd5, isSha256 } from '../../domain/digest.ts'
import { Type } from '../../domain/schema.ts'
import type { Blob } from '../../storage/blob.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import type { RouteParts } from '../app-settings.ts'
import { unknownArchive, unknownDigest } from '../archive-by-digest.ts'
import { archiveLinks } from '../archive-links.ts'
import { deliver } from '../deliver.ts'
import { archiveResponses, parametersOf, responseOf } from '../schemas.ts'
import { withdrawnError } from '../withdrawn.ts'
import { problems } from './native-lists.ts'

/** Registers `/archives/{digest}` and `/objects/{digest}`. */
export function nativeDigestRoutes(app: FastifyInstance, parts: RouteParts): void {
  const archive = schemaOf('get_archive_by_digest', 'An archive by its digest', {
    410: problem(
      'Repacked: the same files are in another archive (code archive-replaced); or withdrawn (code withdrawn)',
    ),
  })
  app.get('/archives/:digest', { schema: archive }, async (request, reply) => {
    const { digest } = request.params as { digest: string }
    const { blob, filename } = await archiveOf(parts.generationFor(request), digest.toLowerCase())
    // Until the bytes were hashed the digest is a claim of the config.
    const cache = blob.digests.md5 === undefined ? 'revalidate' : 'immutable'
    const links = archiveLinks(parts.settings, blob)
    return deliver(request, reply, blob, { filename, data: true, cache, links })
  })
  const index = {
    ...schemaOf(
      'get_archive_index',
      'The member index of an archive, by the digest of the archive',
    ),
    description:
      'What lies where in an archive, with digests of its parts (docs/format.md): for mirrors, and for readers that fetch parts. Archives of other tools have none.',
  }
  app.get('/archives/:digest/index', { schema: index }, async (request, reply) => {
    const { digest } = request.params as { digest: string }
    const blob = await indexOf(parts.generationFor(request), digest.toLowerCase())
    return deliver(request, reply, blob)
  })
  const object = schemaOf('get_object', 'A file of any asset by its sha256, plain or as `.gz`')
  app.get('/objects/:digest', { schema: object }, async (request, reply) => {
    const { digest } = request.params as { digest: string }
    const blob = await objectOf(parts.generationFor(request), digest.toLowerCase())
    return deliver(request, reply, blob, { data: true, cache: 'immutable' })
  })
}

/** Any archive the folder can make with this md5 or sha256: as stored, alias-named, or of refgenie 1.x. */
async function archiveOf(
  generation: VisibleGeneration,
  digest: string,
): Promise<{ blob: Blob; filename: string }> {
  const { catalogue, folder } = generation
  const match = isSha256(digest)
    ? folder.archiveBySha256(digest)
    : isMd5(digest)
      ? catalogue.archive(digest)
      : undefined
  if (match !== undefined) {
    return { blob: await folder.archive(match, match.form), filename: archiveName(match) }
  }
  for (const { entry, view } of folder.archivesWith(digest)) {
    const blob = await folder.view(entry, view)
    if (blob.digests.md5 === digest || blob.digests.sha256 === digest) {
      return { blob, filename: archiveName(entry) }
    }
    await blob.close()
  }
  throw unknownArchive(generation, digest)
}

async function indexOf(generation: VisibleGeneration, digest: string): Promise<Blob> {
  const { catalogue, folder } = generation
  const match = catalogue.archive(digest)
  if (match?.form === 'stored') return folder.index(match)
  const withdrawn = folder.withdrawnWith(digest)
  if (withdrawn !== undefined) throw withdrawnError(generation, withdrawn)
  throw unknownDigest(folder.isComplete, 'archive', digest, 'the md5 of an archive as it is stored')
}

async function objectOf(generation: VisibleGeneration, digest: string): Promise<Blob> {
  const { folder } = generation
  for (const { entry, path } of folder.filesWith(digest)) {
    const blob = await folder.file(entry, path)
    if (blob.digests.sha256 === digest) return blob
    await blob.close()
  }
  const withdrawn = folder.withdrawnWith(digest)
  if (withdrawn !== undefined) throw withdrawnError(generation, withdrawn)
  throw unknownDigest(folder.isComplete, 'file', digest, 'the sha256 of a file')
}

function schemaOf(operationId: string, summary: string, more: object = {}): object {
  return {
    operationId,
    summary,
    description: `${summary}.`,
    tags: ['Native'],
    params: parametersOf('/{digest}'),
    querystring: Type.Object({}),
    response: {
      ...archiveResponses('The bytes'),
      503: problem('Damaged or missing, or digests still pending'),
      ...problems(),
      ...more,
    },
  }
}

function problem(description: string): object {
  return responseOf(description, 'application/problem+json', Type.Ref('Problem'))
}
