/** What links are made for, and what they lead to. */
import type { FastifyRequest } from 'fastify'
import { archiveName } from '../../archive/archive-places.ts'
import { LinkInvalid } from '../../domain/access-errors.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { parseDuration } from '../../domain/duration.ts'
import { InvalidParameter } from '../../domain/errors.ts'
import { Rights } from '../../domain/rights.ts'
import { type Blob, sliceBlob } from '../../storage/blob.ts'
import type { ByteRange } from '../../storage/store.ts'
import type { AccessControl } from './access-control.ts'
import { ANONYMOUS, addressOf, type Caller, callerOf } from './caller.ts'
import type { LinkGrant } from './signed-link.ts'
import { linkInStore } from './store-redirect.ts'
import { partOf, type VisibleFolder } from './visible-folder.ts'

/** What readers put behind the name of a file to find its index; a link to the file covers it. */
const INDEX_SUFFIXES = ['.fai', '.gzi', '.bai', '.csi', '.tbi', '.crai']

/** The query of a request for a link. */
interface LinkQuery {
  readonly file?: string
  readonly format?: 'tgz' | 'tar'
  readonly expires?: string
  readonly range?: string
  readonly bind?: 'address'
}

/** A link that is to be given. */
export interface GrantedLink {
  readonly grant: LinkGrant
  readonly name: string
  /** Bytes that it gives. */
  readonly size: number
  /** An address in the store that does the same; undefined when the bytes come from here. */
  readonly inStore?: string
}

/**
 * The grant of a link that a request asks for; what it leads to is there, and the caller may see it.
 *
 * @throws InvalidParameter, and what the folder throws
 */
export async function grantFor(
  access: AccessControl,
  folder: VisibleFolder,
  entry: CatalogueEntry,
  request: FastifyRequest,
): Promise<GrantedLink> {
  const { file = '', format = 'tgz', expires, range, bind } = request.query as LinkQuery
  const caller = callerOf(request)
  if (bind === 'address' && addressOf(request) === '') {
    const message = 'bind: the address of the caller is not known here; ask without it'
    throw new InvalidParameter('bind', message)
  }
  const madeAt = Date.now()
  const expiresAt = Math.min(
    madeAt + lifetime(expires, access.linkLifetime) * 1000,
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
  if (range === undefined) {
    // A store knows no addresses of callers.
    const seconds = (expiresAt - madeAt) / 1000
    const inStore = bind === undefined ? await linkInStore(access, blob, name, seconds) : undefined
    return { grant, name, size: blob.size, ...(inStore !== undefined && { inStore }) }
  }
  const only = rangeIn(range, blob.size)
  return { grant: { ...grant, range: only }, name, size: only.end - only.start }
}

function issuer({ tokenId, signed, name }: Caller): LinkGrant['issuer'] {
  if (tokenId !== undefined) return { kind: 'token', id: tokenId }
  if (signed !== undefined) return { kind: 'signed', name, scopes: signed.scopes }
  return { kind: 'anonymous' }
}

/**
 * Who a link acts for: its token is asked again each time, so that revoking it ends its links.
 *
 * @throws LinkInvalid
 */
export async function issuerOf(
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

/**
 * What a link leads to.
 *
 * @param entry - the tag of the grant in the catalogue of its issuer; undefined when it is not there
 * @param name - the file name that the link was used with
 * @throws LinkInvalid, and what the folder throws
 */
export async function grantedBlob(
  folder: VisibleFolder,
  entry: CatalogueEntry | undefined,
  grant: LinkGrant,
  name: string,
): Promise<Blob> {
  if (entry === undefined || entry.tag.archiveDigest !== grant.archive) {
    throw new LinkInvalid('what this link led to is not here any more')
  }
  const blob = await blobOf(folder, entry, grant, name)
  return grant.range === undefined ? blob : partOf(blob, sliceBlob(blob, grant.range))
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
