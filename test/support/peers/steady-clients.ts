/** Clients that go on downloading while something happens to the servers, and compare every byte. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { run } from './run.ts'

// Slow enough that something happens in the middle of a download.
const RATE = '8M'
const MOST_ATTEMPTS = 30
const PAUSE_MS = 100
// curl: the body ended early; nothing came; the connection was reset. Everything else is no broken connection.
const BROKEN = [18, 52, 56]

/** What clients have met. */
export interface Report {
  /** Downloads or answers that were complete and right. */
  done: number
  /** Connections that broke in the middle; the client went on where it was. */
  resumed: number
  /** What no client should meet. */
  readonly problems: string[]
}

/** One thing done again and again. */
type Client = (report: Report) => Promise<void>

/** Digest of bytes. */
export const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** Clients that are at work. */
export class SteadyClients {
  readonly #running: Promise<void>[] = []
  readonly #reports = new Map<string, Report>()
  #over = false

  constructor(t: Test) {
    t.teardown(() => this.stop())
  }

  /** Lets a client begin. */
  begin(name: string, client: Client): void {
    const report: Report = { done: 0, resumed: 0, problems: [] }
    this.#reports.set(name, report)
    this.#running.push(this.#run(report, client))
  }

  async #run(report: Report, client: Client): Promise<void> {
    while (!this.#over) {
      await client(report).catch(error =>
        report.problems.push(`${new Date().toISOString()} ${error?.message ?? error}`),
      )
      await wait(PAUSE_MS)
    }
  }

  /** What a client has met so far. */
  report(name: string): Report {
    return this.#reports.get(name) as Report
  }

  /** What no client should have met, of all of them. */
  get problems(): string[] {
    return [...this.#reports].flatMap(([name, { problems }]) =>
      problems.map(problem => `${name}: ${problem}`),
    )
  }

  /** Waits until every client has ended what it began and that many more times; answers at once when one has met a problem. */
  async rounds(count: number): Promise<void> {
    const wanted = new Map([...this.#reports].map(([name, { done }]) => [name, done + count]))
    const behind = () =>
      [...this.#reports].some(([name, { done }]) => done < (wanted.get(name) ?? 0))
    while (this.problems.length === 0 && behind()) await wait(PAUSE_MS)
  }

  /** Lets every client end what it is doing. */
  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#running)
  }
}

/** A folder for one client. */
async function clientFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-client-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** curl, which is run again with `-C -` when the connection broke; `bytes` tells how far its present download is. */
export async function curlClient(
  t: Test,
  url: string,
  wanted: string,
): Promise<{ readonly client: Client; readonly bytes: () => Promise<number> }> {
  const folder = await clientFolder(t)
  const out = join(folder, 'out')
  const bytes = () =>
    stat(out).then(
      ({ size }) => size,
      () => 0,
    )
  const client: Client = async report => {
    await rm(out, { force: true })
    for (let attempt = 1; ; attempt += 1) {
      const args = ['-fsS', '-C', '-', '--limit-rate', RATE, '-o', 'out', url]
      const { code, stderr } = await run('curl', args, { cwd: folder })
      if (code === 0) break
      if (!BROKEN.includes(code) || attempt === MOST_ATTEMPTS) throw new Error(`${code} ${stderr}`)
      report.resumed += 1
    }
    await compared(out, wanted, report)
  }
  return { client, bytes }
}

/** aria2 with four connections; it tries again by itself. */
export async function aria2Client(t: Test, url: string, wanted: string): Promise<Client> {
  const folder = await clientFolder(t)
  return async report => {
    await rm(folder, { recursive: true })
    await mkdir(folder)
    const args = ['-x4', '-s4', '-k1M', '--retry-wait=1', `--max-tries=${MOST_ATTEMPTS}`]
    const more = [
      '--file-allocation=none',
      `--max-overall-download-limit=${RATE}`,
      '-o',
      'out',
      url,
    ]
    const { code, stdout } = await run('aria2c', [...args, ...more], { cwd: folder })
    if (code !== 0) throw new Error(`${code} ${stdout}`)
    await compared(join(folder, 'out'), wanted, report)
  }
}

async function compared(file: string, wanted: string, report: Report): Promise<void> {
  if (sha256(await readFile(file)) !== wanted) throw new Error(`${file} has other bytes`)
  report.done += 1
}

/** A program that gets a small answer at once, and asks once more when the connection broke; `check` throws when it is wrong. */
export function fetchClient(
  url: string,
  check: (answer: Response, body: Buffer) => void,
  headers: Record<string, string> = {},
): Client {
  return async report => {
    const get = async () => {
      const answer = await fetch(url, { headers })
      return { answer, body: Buffer.from(await answer.arrayBuffer()) }
    }
    const { answer, body } = await get().catch(() => {
      report.resumed += 1
      return get()
    })
    check(answer, body)
    report.done += 1
  }
}
