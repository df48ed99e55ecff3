/** A plain server of files: ranges, entity tags, nothing else. What any web server in front of a folder does. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A running server. */
export interface StaticFiles {
  /** Address without a slash at its end. */
  readonly url: string
  /** Bytes by path (`/name`); more may be added at any time. */
  readonly files: Map<string, Buffer>
}

/** Starts it until the end of a test. */
export async function staticFiles(
  t: Test,
  content: Readonly<Record<string, Buffer>> = {},
): Promise<StaticFiles> {
  const files = new Map(Object.entries(content))
  const server = createServer((request, response) => answer(files, request, response))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, files }
}

function answer(
  files: ReadonlyMap<string, Buffer>,
  { url = '', method, headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const file = files.get(url.replace(/\?.*/, ''))
  if (file === undefined) {
    response.writeHead(404, { 'content-length': 0 }).end()
    return
  }
  const etag = `"${createHash('md5').update(`${url} ${file.length}`).digest('hex')}"`
  const common = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' }
  const part = rangeOf(file.length, headers, etag)
  if (part === 'none') {
    response.writeHead(416, { ...common, 'content-range': `bytes */${file.length}` }).end()
    return
  }
  const [start, end] = part ?? [0, file.length]
  response.writeHead(part === undefined ? 200 : 206, {
    ...common,
    'content-length': end - start,
    ...(part && { 'content-range': `bytes ${start}-${end - 1}/${file.length}` }),
  })
  response.end(method === 'HEAD' ? undefined : file.subarray(start, end))
}

/** Begin and end (exclusive) of the range that is asked for; undefined: the whole file. */
function rangeOf(
  size: number,
  { range = '', 'if-range': ifRange }: IncomingMessage['headers'],
  etag: string,
): readonly [number, number] | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  if ((first === '' && last === '') || (ifRange !== undefined && ifRange !== etag)) return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return start < end ? [start, end] : 'none'
}
