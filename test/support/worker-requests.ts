/** Clients of a server of several workers: each request on a connection of its own, so that the workers take turns. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** An answer with its body. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Begins a request on a connection of its own; its body waits to be read. */
export async function begun(
  url: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const sent = request(url, { agent: false, headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

/** Reads what was begun to its end; rejected when it breaks off. */
export async function ended(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode: status = 0, headers } = response
  return { status, headers, body: Buffer.concat(chunks) }
}

/** Asks on a connection of its own. */
export async function ask(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return ended(await begun(url, headers))
}

/** Asks several times, one after the other, so that each of two workers is asked. */
export async function askAll(
  url: string,
  headers: Record<string, string> = {},
  times = 6,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let i = 0; i < times; i += 1) answers.push(await ask(url, headers))
  return answers
}

export function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** Processes that a process has started, and that live. */
export async function childrenOf(pid: number): Promise<number[]> {
  const living = await livingProcesses(await readdir('/proc'))
  return living.filter(({ parent }) => parent === pid).map(process => process.pid)
}

/** Those of some processes that live. */
export async function runningOf(pids: readonly number[]): Promise<number[]> {
  return (await livingProcesses(pids.map(String))).map(({ pid }) => pid)
}

/** One that has ended may stay in the table for ever, where nobody asks for its end. */
async function livingProcesses(names: readonly string[]) {
  const living: { pid: number; parent: number }[] = []
  for (const name of names) {
    const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const [state = '', parent] = status.slice(status.lastIndexOf(')') + 2).split(' ')
    if (!['', 'Z', 'X'].includes(state)) living.push({ pid: Number(name), parent: Number(parent) })
  }
  return living
}
