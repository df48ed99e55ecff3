/** Native routes of what belongs to one tag: archive, recipe, log, digest, contents, files, checksums. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { archiveName, sideFileName } from '../../archive/archive-places.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { NotInCatalogue } from '../../domain/errors.ts'
import { Type } from '../../domain/schema.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import { json, text } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { archiveLinks } from '../archive-links.ts'
import { deliver } from '../deliver.ts'
import {
  archiveResponses,
  bytesResponses,
  emptyResponse,
  parametersOf,
  responseOf,
} from '../schemas.ts'
import { sideJsonAnswer } from '../side-json.ts'
import { nativeEntry } from './native-asset.ts'
import { problems } from './native-lists.ts'

type Answer = (
  found: { generation: VisibleGeneration; entry: CatalogueEntry },
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

const PATH = '/{genome}/assets/{asset}'
const UNAVAILABLE = { 503: unavailable() }
const ARCHIVE_FORMAT = {
  format: Type.Optional(
    Type.Union([Type.Literal('tgz'), Type.Literal('tar')], {
      default: 'tgz',
      description:
        '`tar` sends the archive without compression, for readers that take one gzip member only',
    }),
  ),
}

/** Registers the native routes of one tag. */
export function nativeFileRoutes(app: FastifyInstance, parts: RouteParts): void {
  const route = (below: string, schema: object, answer: Answer, more: object = {}) =>
    app.get(`/:genome/assets/:asset${below}`, { schema, ...more }, (request, reply) => {
      const generation = parts.generationFor(request)
      return answer({ generation, entry: nativeEntry(generation, request) }, request, reply)
    })

  route(
    '/archive',
    schemaOf('get_archive', 'The archive of a tag', responsesOfArchive(), ARCHIVE_FORMAT),
    sendArchive(parts),
  )
  route('/log', schemaOf('get_log', 'The build log of a tag', bytesResponses('The log')), sendLog)
  route(
    '/recipe',
    schemaOf('get_recipe', 'The build recipe of a tag', anyJson()),
    sendJson('recipe'),
  )
  route('/contents', schemaOf('get_contents', 'Paths of the files', paths()), sendJson('contents'))
  route('/digest', schemaOf('get_digest', 'The digests of a tag', digestResponse()), sendDigest)
  const checksums = schemaOf('get_checksums', 'Checksums to check by tool', checksumResponse(), {
    algorithm: Type.Optional(
      Type.Union([Type.Literal('sha256'), Type.Literal('md5')], { default: 'sha256' }),
    ),
  })
  route('/checksums', checksums, sendChecksums)
  const files = schemaOf('list_files', 'Files of a tag with sizes and digests', fileList())
  route('/files', files, sendFileList)
  route('/files/', { ...files, hide: true }, sendFileList)
  const params = parametersOf(`${PATH}/files/{path}`)
  const file = schemaOf(
    'get_file',
    'One file of a tag, or with `.gz`, `.gz.gzi` and (FASTA) `.gz.fai` behind its path what is made of it',
    bytesResponses('The file'),
  )
  // The document says `path` where the router says `*`, so the router's value is not checked against it.
  route('/files/*', { ...file, params }, sendFile, { validatorCompiler: () => () => true })
}

function sendArchive({ settings }: RouteParts): Answer {
  return async ({ generation: { folder }, entry }, request, reply) => {
    const name = archiveName(entry)
    if ((request.query as { format?: string }).format === 'tar') {
      const filename = name.replace(/\.tgz$/, '.tar')
      return deliver(request, reply, await folder.tar(entry), { filename, data: true })
    }
    const blob = await folder.archive(entry, 'stored')
    const links = archiveLinks(settings, blob)
    return deliver(request, reply, blob, { filename: name, data: true, links })
  }
}

const sendLog: Answer = async ({ generation, entry }, request, reply) => {
  const blob = await generation.folder.sideFile(entry, 'log', 'stored')
  if (blob === undefined) throw absent('log')
  return deliver(request, reply, blob, { filename: sideFileName(entry, 'log'), data: true })
}

function sendJson(file: 'recipe' | 'contents'): Answer {
  return async ({ generation, entry }, request, reply) => {
    const blob = await sideJsonAnswer(generation, entry, file, 'stored')
    if (blob === undefined) throw absent(file)
    return deliver(request, reply, blob)
  }
}

const sendDigest: Answer = async ({ generation, entry }, request, reply) => {
  const blob = await generation.folder.archive(entry, 'stored')
  await blob.close()
  const { sha256 = null, md5 } = blob.digests
  const archive = { md5: entry.tag.archiveDigest, sha256, verified: md5 !== undefined }
  return deliver(request, reply, json({ asset_digest: entry.tag.assetDigest, archive }))
}

/** In the form that `sha256sum -c` and `md5sum -c` read. */
const sendChecksums: Answer = async ({ generation, entry }, request, reply) => {
  const { algorithm = 'sha256' } = request.query as { algorithm?: 'sha256' | 'md5' }
  const digests = await generation.folder.digests(entry, 'stored')
  return deliver(request, reply, text(`${digests[algorithm]}  ${archiveName(entry)}\n`))
}

const sendFileList: Answer = async ({ generation, entry }, request, reply) =>
  deliver(request, reply, json(await generation.folder.files(entry)))

const sendFile: Answer = async ({ generation, entry }, request, reply) => {
  const path = (request.params as { '*': string })['*']
  const blob = await generation.folder.file(entry, path)
  return deliver(request, reply, blob, { data: true })
}

function absent(file: string): NotInCatalogue {
  return new NotInCatalogue('unknown-file', file, `the archive folder has no ${file} of this tag`)
}

function schemaOf(operationId: string, summary: string, responses: object, query = {}): object {
  return {
    operationId,
    summary,
    description: `${summary}; the tag is named by \`asset:tag\` or \`?tag=\`, else it is the default one.`,
    tags: ['Native'],
    params: parametersOf(PATH),
    querystring: Type.Object({
      tag: Type.Optional(Type.String({ description: 'Tag of the asset', minLength: 1 })),
      ...query,
    }),
    response: { ...responses, ...problems() },
  }
}

function responsesOfArchive(): object {
  return { ...archiveResponses('The archive: a gzipped tar'), ...UNAVAILABLE }
}

function unavailable(): object {
  return responseOf(
    'Damaged or missing (code archive-damaged, archive-missing), or digests still pending',
    'application/problem+json',
    Type.Ref('Problem'),
  )
}

function anyJson(): object {
  return { 200: responseOf('The recipe', 'application/json', Type.Unknown()) }
}

function paths(): object {
  const schema = Type.Array(Type.String())
  return { 200: responseOf('Paths of the files', 'application/json', schema, ['t7.fa']) }
}

function fileList(): object {
  const sha256 = Type.String({ description: 'Unknown for archives of other tools' })
  const schema = Type.Array(
    Type.Object({
      path: Type.String(),
      size: Type.Integer({ description: 'Bytes' }),
      sha256: Type.Optional(sha256),
      md5: Type.Optional(Type.String()),
      gz: Type.Optional(
        Type.Object({ size: Type.Integer(), sha256 }, { description: 'The same file as `.gz`' }),
      ),
    }),
  )
  return {
    200: responseOf('The files', 'application/json', schema, [{ path: 't7.fa', size: 40523 }]),
  }
}

function digestResponse(): object {
  const schema = Type.Object({
    asset_digest: Type.String(),
    archive: Type.Object({
      md5: Type.String(),
      sha256: Type.Union([Type.String(), Type.Null()]),
      verified: Type.Boolean({ description: 'True once computed from the bytes' }),
    }),
  })
  return { 200: responseOf('The digests', 'application/json', schema), ...UNAVAILABLE }
}

function checksumResponse(): object {
  const example =
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  fasta__default.tgz\n'
  const schema = Type.String()
  return {
    200: responseOf('One line a file', 'text/plain', schema, example),
    304: emptyResponse('Not modified'),
    ...UNAVAILABLE,
  }
}
