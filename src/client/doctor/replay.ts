/** Does what a client does, one request after the other, and judges each answer as that client would. */

import { connectionFault } from './connection-checks.ts'
import { allowed } from './cors-checks.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES, type Fix } from './fixes.ts'
import type { Probe, ProbeRequest, Seen } from './probe.ts'

/** What is replayed where. */
export interface ReplayParts {
  readonly probe: Probe
  /** Headers that the client sends with everything. */
  readonly headers: Readonly<Record<string, string>>
  /** Set for clients in a browser: the page they run in. */
  readonly origin?: string
}

/** One step: its request, and what is wrong with the answer; undefined when it is right. */
export interface Step {
  readonly check: string
  readonly url: string
  readonly order?: ProbeRequest
  /** What the finding says when all is well. */
  readonly done: string
  readonly wrong?: (seen: Seen) => readonly [evidence: string, fix: Fix] | undefined
}

/** See the head of this file. A client ends at the first answer it cannot use: so does this. */
export class Replay {
  readonly findings: Finding[] = []
  readonly #parts: ReplayParts

  constructor(parts: ReplayParts) {
    this.#parts = parts
  }

  /** Takes a step; undefined when the client would have ended here. */
  async step({ check, url, order = {}, done, wrong }: Step): Promise<Seen | undefined> {
    const { probe, origin } = this.#parts
    const page = origin === undefined ? {} : { origin }
    const headers = { ...this.#parts.headers, ...page, ...order.headers }
    let seen: Seen
    try {
      seen = await probe.ask(url, { ...order, headers })
    } catch (error) {
      this.findings.push(connectionFault(check, url, error))
      return undefined
    }
    if (origin !== undefined && !allowed(seen, origin)) {
      this.findings.push(fail(check, `${seen.status} without CORS headers`, FIXES.cors))
      return undefined
    }
    const found = refusal(seen) ?? wrong?.(seen)
    if (found !== undefined) {
      this.findings.push(fail(check, ...found))
      return undefined
    }
    this.findings.push(ok(check, done))
    return seen
  }

  /** Something that needs no request. */
  pass(check: string, evidence: string): void {
    this.findings.push(ok(check, evidence))
  }

  /** Something the client needs is not there to be asked for. */
  miss(check: string, evidence: string, fix: Fix): void {
    this.findings.push(fail(check, evidence, fix))
  }

  /** Something to know that does not stop the client. */
  note(check: string, evidence: string, fix: Fix): void {
    this.findings.push(warn(check, evidence, fix))
  }
}

function refusal({ status, bytes }: Seen): readonly [string, Fix] | undefined {
  if (status === 401 || status === 403) return [`answers ${status}`, FIXES.token]
  if (status >= 400 && status !== 416) return [`answers ${status}`, FIXES.missing]
  if (/^\s*<(?:!doctype|html)/i.test(bytes.subarray(0, 256).toString('latin1'))) {
    return [`answers ${status} with a page`, FIXES.html]
  }
  return undefined
}

/** What is wrong with an answer to `Range: bytes=FIRST-LAST`; the last byte may lie behind the file. */
export function wrongPart(first: number, last?: number) {
  return (seen: Seen): readonly [string, Fix] | undefined => {
    const { status, headers, bytes } = seen
    if (status === 200) return ['200 with the whole file: Range is ignored', FIXES.range]
    const said = headers['content-range'] ?? 'none'
    const [, begin, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(said) ?? []
    const clipped = Math.min(last ?? Number.POSITIVE_INFINITY, Number(size) - 1)
    if (status !== 206 || Number(begin) !== first || Number(end) !== clipped) {
      return [`answers ${status} with Content-Range ${said}`, FIXES.range]
    }
    const length = clipped - first + 1
    return seen.cut || bytes.length === length
      ? undefined
      : [`${bytes.length} bytes instead of ${length}`, FIXES.range]
  }
}
