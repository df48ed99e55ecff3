/** The app over archives of chosen sizes, counting downloads; and clients that behave as one likes. */
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import type { AccessOptions } from '../../src/http/access/access-control.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { T7 } from './genome-fixtures.ts'
import { startApp } from './start-app.ts'
import { folderRemovedLast } from './test-folder.ts'

/** Downloads and bytes of one archive. */
export interface Numbers {
  readonly downloads: number
  readonly bytes: number
}

const PATIENCE_MS = 20_000

/** How long the app waits to learn that an answer was thrown away. */
export const SETTLE_MS = 250

/** Writes archives of random bytes by asset name, with a config; answers its path and the digests. */
export async function sizedArchives(folder: string, sizes: Readonly<Record<string, number>>) {
  await mkdir(join(folder, T7), { recursive: true })
  const digests: Record<string, string> = {}
  const lines = [`genomes:`, `  ${T7}:`, `    aliases: [t7]`, `    assets:`]
  for (const [asset, size] of Object.entries(sizes)) {
    const bytes = randomFillSync(Buffer.alloc(size))
    const md5 = createHash('md5').update(bytes).digest('hex')
    await writeFile(join(folder, T7, `${asset}__default.tgz`), bytes)
    lines.push(`      ${JSON.stringify(asset)}:`, `        tags:`)
    lines.push(`          default: {archive_digest: ${md5}, archive_size: ${size} B}`)
    digests[asset] = md5
  }
  const config = join(folder, 'genome_config.yaml')
  await writeFile(config, `${lines.join('\n')}\n`)
  return { config, digests }
}

/** Starts the app. */
export async function countingApp(
  t: Test,
  sizes: Readonly<Record<string, number>>,
  access: Partial<AccessOptions> = {},
) {
  const folder = folderRemovedLast(t)
  const { config, digests } = await sizedArchives(folder, sizes)
  const statePath = join(folder, 'state', 'state.sqlite')
  const start = async (more: Partial<AccessOptions> = {}) => {
    const state = new LazyState(statePath)
    const options = { state, countDownloads: true, settleMs: SETTLE_MS, ...access, ...more }
    const started = await startApp(t, { config, archiveFolder: folder }, {}, options)
    return { ...started, url: await started.listen() }
  }
  const started = await start()
  return { ...started, folder, digests, statePath, start }
}

/** What a server says was downloaded of an asset. */
export async function numbersOf(url: string, asset: string): Promise<Numbers> {
  const answer = await fetch(`${url}/stats?asset=${asset}`)
  const { totals } = (await answer.json()) as { totals: Numbers }
  return totals
}

/** Waits until an asset has this many downloads; answers its numbers when they have stayed so until nothing is under way any more. */
export async function settledNumbers(
  url: string,
  asset: string,
  downloads: number,
  settleMs = SETTLE_MS,
): Promise<Numbers> {
  const until = Date.now() + PATIENCE_MS
  let numbers = await numbersOf(url, asset)
  while (numbers.downloads < downloads && Date.now() < until) {
    await wait(100)
    numbers = await numbersOf(url, asset)
  }
  await wait(settleMs + 200)
  return numbersOf(url, asset)
}

/** A connection that can be looked at. */
export interface RawClient {
  readonly socket: Socket
  /** Reads until there are so many bytes in all, headers and bodies; stops reading then. */
  read(bytes: number): Promise<Buffer>
}

/** Sends text as it is over a connection of its own. */
export async function rawClient(url: string, text: string): Promise<RawClient> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  const chunks: Buffer[] = []
  let length = 0
  const read = async (bytes: number) => {
    if (length < bytes) {
      await new Promise<void>(done => {
        const take = (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length < bytes) return
          socket.off('data', take).pause()
          done()
        }
        socket.on('data', take).once('close', done)
      })
    }
    return Buffer.concat(chunks)
  }
  return { socket, read }
}

/** Text of a GET request. */
export function getText(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: 'x', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}
