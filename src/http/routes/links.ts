/** Native routes of short-lived links: asking for one, and using it. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { archiveName } from '../../archive/archive-places.ts'
import { LinkInvalid } from '../../domain/access-errors.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { parseDuration } from '../../domain/duration.ts'
import { InvalidParameter } from '../../domain/errors.ts'
import { Rights } from '../../domain/rights.ts'
import { type Blob, sliceBlob } from '../../storage/blob.ts'
import type { ByteRange } from '../../storage/store.ts'
import type { AccessControl } from '../access/access-control.ts'
import { ANONYMOUS, addressOf, attend, type Caller, callerOf } from '../access/caller.ts'
import { type LinkGrant, linkPath, readLink } from '../access/signed-link.ts'
import { sameSubject, type VisibleFolder } from '../access/visible-folder.ts'
import { json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { bytesResponses, parametersOf, responseOf } from '../schemas.ts'
import { nativeEntry } from './native-asset.ts'
import { problems } from './native-lists.ts'

/** What readers put behind the name of a file to find its index; a link to the file covers it. */
const INDEX_SUFFIXES = ['.fai', '.gzi', '.bai', '.csi', '.tbi', '.crai']

// A link is a right by itself: nobody on the way keeps it.
const SECRET = { cache: 'no-store' } as const

interface LinkQuery {
  readonly tag?: string
  readonly file?: string
  readonly format?: 'tgz' | 'tar'
  readonly expires?: string
  readonly range?: string
  readonly bind?: 'address'
}

const QUERY = Type.Object({
  tag: Type.Optional(Type.String({ minLength: 1 })),
  file: Type.Optional(
    Type.String({ description: 'Path of a file of the asset; without it the archive' }),
  ),
  format: Type.Optional(Type.Union([Type.Literal('tgz'), Type.Literal('tar')])),
  expires: Type.Optional(
    Type.String({ description: 'How long it shall work, such as 15m or 6h', maxLength: 12 }),
  ),
  range: Type.Optional(
    Type.String({
      description: 'The only bytes it shall give, `first-last`, both counted from 0',
      maxLength: 40,
    }),
  ),
  bind: Type.Optional(
    Type.Literal('address', { description: 'It shall work from the address of the caller only' }),
  ),
})

/** Registers the routes of links. */
export function linkRoutes(app: FastifyInstance, parts: RouteParts, access: AccessControl): void {
  const give = async (request: FastifyRequest) => {
    const generation = parts.generationFor(request)
    const entry = nativeEntry(generation, request)
    const { grant, name, size } = await grantFor(access, generation.folder, entry, request)
    const path = linkPath(await access.linkKey(), grant, name)
    const subject = `${entry.genome.digest}/${entry.asset.name}:${entry.tag.name} ${grant.path}`
    if (generation.folder.isControlled(entry)) {
      access.trail.note({
        actor: callerOf(request).name,
        action: 'link-created',
        subject: subject.trim(),
        address: addressOf(request),
      })
    }
    const expires_at = new Date(grant.expiresAt).toISOString()
    return json({ url: parts.absolute(request, path), expires_at, bytes: size })
  }
  const schema = {
    operationId: 'get_url',
    summary: 'A short-lived link',
    description:
      'A signed URL of the archive or of one file that works without any header until it expires.',
    tags: ['Native'],
    params: parametersOf('/{genome}/{asset}'),
    querystring: QUERY,
    response: { 200: responseOf('The link', 'application/json', LINK), ...problems() },
  }
  app.get('/:genome/assets/:asset/url', { schema }, async (request, reply) =>
    deliver(request, reply, await give(request), SECRET),
  )
  app.get('/:genome/assets/:asset/archive/url', { schema: { hide: true } }, (request, reply) =>
    give(request).then(blob => deliver(request, reply, blob, SECRET)),
  )
  app.get('/links/:link/:name', { schema: useSchema() }, async (request, reply) => {
    const { link, name } = request.params as { link: string; name: string }
    const grant = readLink(await access.linkKey(), link)
    attend(request, access, await issuerOf(access, grant, request))
    const { folder, catalogue } = parts.generationFor(request)
    const entry = catalogue.entry(grant.genome, grant.asset, grant.tag)
    if (entry === undefined || entry.tag.archiveDigest !== grant.archive) throw gone()
    const blob = await blobOf(folder, entry, grant, name)
    const whole = grant.range === undefined ? blob : await sliced(blob, grant.range)
    return deliver(request, reply, whole, { filename: name, data: true })
  })
}

async function grantFor(
  access: AccessControl,
  folder: VisibleFolder,
  entry: CatalogueEntry,
  request: FastifyRequest,
): Promise<{ grant: LinkGrant; name: string; size: number }> {
  const { file = '', format = 'tgz', expires, range, bind } = request.query as LinkQuery
  const caller = callerOf(request)
  if (bind === 'address' && addressOf(request) === '') {
    const message = 'bind: the address of the caller is not known here; ask without it'
    throw new InvalidParameter('bind', message)
  }
  const madeAt = Date.now()
  const seconds = lifetime(expires, access.linkLifetime)
  const expiresAt = Math.min(
    madeAt + seconds * 1000,
    caller.signed?.until ?? Number.POSITIVE_INFINITY,
  )
  const grant: LinkGrant = {
    genome: entry.genome.digest,
    asset: entry.asset.name,
    tag: entry.tag.name,
    archive: entry.tag.archiveDigest,
    form: file === '' ? format : 'file',
    path: file,
    madeAt,
    expiresAt,
    issuer: issuer(caller),
    ...(bind === 'address' && { address: addressOf(request) }),
  }
  const name = nameOf(entry, grant)
  const blob = await blobOf(folder, entry, grant, name)
  await blob.close()
  if (range === undefined) return { grant, name, size: blob.size }
  const only = rangeIn(range, blob.size)
  return { grant: { ...grant, range: only }, name, size: only.end - only.start }
}

function issuer({ tokenId, signed, name }: Caller): LinkGrant['issuer'] {
  if (tokenId !== undefined) return { kind: 'token', id: tokenId }
  if (signed !== undefined) return { kind: 'signed', name, scopes: signed.scopes }
  return { kind: 'anonymous' }
}

/** Who a link acts for: its token is asked again each time, so that revoking it ends its links. */
async function issuerOf(
  access: AccessControl,
  grant: LinkGrant,
  request: FastifyRequest,
): Promise<Caller> {
  if (grant.address !== undefined && grant.address !== addressOf(request)) {
    throw new LinkInvalid('this link works from another address only')
  }
  const { issuer: by } = grant
  if (by.kind === 'anonymous') return ANONYMOUS
  if (by.kind === 'signed') {
    return {
      rights: new Rights(by.scopes),
      name: `${by.name} (link)`,
      credentials: 'valid',
      byLink: true,
    }
  }
  const caller = await access.authenticator.tokenCaller(by.id)
  if (caller === undefined) throw new LinkInvalid('the token of this link counts no more')
  access.trail.used(by.id)
  return { ...caller, name: `${caller.name} (link)`, byLink: true }
}

function blobOf(
  folder: VisibleFolder,
  entry: CatalogueEntry,
  grant: LinkGrant,
  name: string,
): Promise<Blob> {
  const own = nameOf(entry, grant)
  const suffix = name.startsWith(own) ? name.slice(own.length) : undefined
  const covered = suffix === '' || (grant.form === 'file' && INDEX_SUFFIXES.includes(suffix ?? '-'))
  if (!covered || (suffix !== '' && grant.range !== undefined)) {
    throw new LinkInvalid('this link is for another file')
  }
  if (grant.form === 'file') return folder.file(entry, `${grant.path}${suffix}`)
  return grant.form === 'tar' ? folder.tar(entry) : folder.archive(entry, 'stored')
}

function nameOf(entry: CatalogueEntry, { form, path }: LinkGrant): string {
  if (form === 'file') return path.split('/').at(-1) as string
  return form === 'tar' ? archiveName(entry).replace(/\.tgz$/, '.tar') : archiveName(entry)
}

function sliced(blob: Blob, range: ByteRange): Blob {
  return sameSubject(sliceBlob(blob, range), blob)
}

function lifetime(text: string | undefined, longest: number): number {
  if (text === undefined) return longest
  const seconds = parseDuration(text)
  if (seconds !== undefined && seconds > 0 && seconds <= longest) return seconds
  const message = `expires: '${text}' is not allowed; give a span of time such as 15m or 6h, of at most ${longest} seconds`
  throw new InvalidParameter('expires', message)
}

function rangeIn(text: string, size: number): ByteRange {
  const [, first, last] = /^(?:bytes=)?(\d{1,15})-(\d{1,15})$/.exec(text) ?? []
  const range = { start: Number(first), end: Number(last) + 1 }
  if (first !== undefined && range.start < range.end && range.end <= size) return range
  const message = `range: '${text}' is not allowed; give FIRST-LAST within the ${size} bytes`
  throw new InvalidParameter('range', message)
}

function gone(): LinkInvalid {
  return new LinkInvalid('what this link led to is not here any more')
}

const LINK = Type.Object({
  url: Type.String({ format: 'uri' }),
  expires_at: Type.String({ format: 'date-time' }),
  bytes: Type.Integer({ description: 'Bytes that it gives' }),
})

function useSchema(): object {
  return {
    operationId: 'get_link',
    summary: 'Use a short-lived link',
    description: 'The bytes that a link of `get_url` was made for. It needs no credentials.',
    tags: ['Native'],
    params: parametersOf('/{link}/{name}'),
    response: {
      ...bytesResponses('The bytes'),
      403: responseOf(
        'Expired, changed or revoked (code link-expired, link-invalid)',
        'application/problem+json',
        Type.Ref('Problem'),
      ),
      ...problems(),
    },
  }
}
