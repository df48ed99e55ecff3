/** An answer reduced to what an existing client can see. */
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { PeerRequest } from './requests.ts'

/** What a client sees of an answer; undefined = the header is absent. */
export interface SeenAnswer {
  readonly status: number
  readonly type: string | undefined
  readonly disposition: string | undefined
  readonly range: string | undefined
  readonly location: string | undefined
  readonly allow: string | undefined
  /** The text, or length and sha256 of anything long or binary. */
  readonly body: string
}

const LONG = 4000

/** Asks a server; the path goes out as it is written, dots and doubled slashes included. */
export function ask(server: string, request: PeerRequest): Promise<SeenAnswer> {
  const { hostname, port } = new URL(server)
  const { method, path, headers } = request
  return new Promise((done, failed) => {
    const sent = httpRequest(
      { hostname, port, method, path, headers, agent: false },
      async answer => {
        const body = Buffer.concat(await answer.toArray())
        const type = answer.headers['content-type']
        done({
          status: answer.statusCode ?? 0,
          type: type?.replace(/boundary=\w+/, 'boundary=…'),
          disposition: answer.headers['content-disposition'],
          range: answer.headers['content-range'],
          location: answer.headers.location?.replaceAll(server, ''),
          allow: answer.headers.allow,
          body: shown(body, server),
        })
      },
    )
    sent.on('error', failed)
    sent.end()
  })
}

function shown(body: Buffer, server: string): string {
  const text = body.toString('utf8')
  if (body.length <= LONG && !text.includes('\ufffd')) return text.replaceAll(server, '')
  return `${body.length} bytes, sha256 ${createHash('sha256').update(body).digest('hex')}`
}
