/**
 * Who is sent to the store instead of getting the bytes from here.
 *
 * Only somebody without any credentials, for an open archive as it is stored: clients take their credentials along to wherever they are
 * sent (seen with wget, aria2, urllib, rclone), and a store refuses a signed address with credentials (seen with MinIO) or learns them.
 */
import type { FastifyRequest } from 'fastify'
import type { Blob } from '../../storage/blob.ts'
import type { ByteRange } from '../../storage/store.ts'
import type { StoreLinks } from '../../storage/store-links.ts'
import type { AccessControl } from './access-control.ts'
import { accessOf, addressOf, callerOf, carriesCredentials } from './caller.ts'
import { subjectOf } from './visible-folder.ts'

/** How callers are sent to the store. */
export interface StoreRedirects {
  /** `redirect`: whenever it is allowed; `auto`: where it is worth a second connection, and where the client can follow. */
  readonly mode: 'redirect' | 'auto'
  readonly links: StoreLinks
}

/** What is to be sent, beside the blob. */
interface Sending {
  readonly filename?: string
  readonly data?: boolean
  readonly staysHere?: boolean
}

// A download may begin so much later; it may take as long as it likes.
const LINK_SECONDS = 3600
// Below this the second connection takes longer than the bytes.
const WORTHWHILE_BYTES = 1024 * 1024
// The client sends these to the store too, where they mean another ETag.
const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
] as const

/**
 * The address in the store that a caller is sent to; undefined when the bytes come from here.
 *
 * @param ranges - what is to be sent of the blob
 * @throws TooMany when a budget is used up: what the store sends is charged like what we send
 */
export async function placeInStore(
  request: FastifyRequest,
  blob: Blob,
  ranges: readonly ByteRange[],
  sending: Sending,
): Promise<string | undefined> {
  const access = accessOf(request)
  const [range] = ranges
  if (access?.redirects === undefined || range === undefined || ranges.length > 1) return undefined
  const { mode, links } = access.redirects
  if (blob.storedAs === undefined || !isAllowed(request, blob, sending)) return undefined
  const bytes = range.end - range.start
  if (mode === 'auto' && (bytes < WORTHWHILE_BYTES || isForeignScript(request))) return undefined
  try {
    const transfer = await access.limits.begin(addressOf(request), undefined, bytes)
    transfer.end(bytes)
    return await links.linkTo(blob.storedAs, linkOptions(blob, sending.filename, LINK_SECONDS))
  } catch (error) {
    await blob.close()
    throw error
  }
}

function isAllowed(request: FastifyRequest, blob: Blob, { data, staysHere }: Sending): boolean {
  return (
    request.method === 'GET' &&
    data === true &&
    staysHere !== true &&
    subjectOf(blob)?.controlled === false &&
    callerOf(request).credentials === 'none' &&
    !carriesCredentials(request) &&
    CONDITIONS.every(name => request.headers[name] === undefined)
  )
}

/** A script of another origin: the store need not allow it to read. */
function isForeignScript({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined || headers['sec-fetch-mode'] === 'cors'
}

/**
 * The address in the store of an archive somebody asks a link for; undefined when the link leads here. What is controlled leads there only
 * where the operator sends everybody to the store: such an address cannot be taken back before its time.
 */
export async function linkInStore(
  { redirects }: AccessControl,
  blob: Blob,
  filename: string,
  seconds: number,
): Promise<string | undefined> {
  if (redirects === undefined || blob.storedAs === undefined) return undefined
  if (subjectOf(blob)?.controlled !== false && redirects.mode !== 'redirect') return undefined
  return redirects.links.linkTo(blob.storedAs, linkOptions(blob, filename, seconds))
}

function linkOptions({ mediaType }: Blob, filename = 'archive.tgz', seconds: number) {
  return { filename, mediaType, seconds }
}
