/** Byte ranges: the right bytes for every form that clients ask for (RFC 9110 §14). */
import { type Finding, fail, ok } from './finding.ts'
import { FIXES, type Fix } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'

/** The findings for a file that was answered whole before. Throws RemoteFailed. */
export async function rangeChecks(url: string, whole: Seen, probe: Probe): Promise<Finding[]> {
  const size = Number(
    whole.headers['content-length'] ?? (whole.cut ? Number.NaN : whole.bytes.length),
  )
  if (!(size > 0)) return [fail('range', 'the size of the file is not known', FIXES.length)]
  const ask = (range: string, more = {}) =>
    probe.ask(url, { headers: { range: `bytes=${range}`, ...more }, most: 4096 })
  const first = Math.min(100, Math.floor(size / 2))
  const last = Math.max(first, Math.min(size, 2 * first) - 1)
  const begin = await ask(`${first}-${last}`)
  const findings = [partCheck('range', begin, { first, last, size, whole })]
  // Who ignores Range ignores every form of it.
  if (findings[0]?.level === 'fail') return findings
  const few = Math.min(10, size)
  const tail = await ask(`-${few}`)
  const wanted = { first: size - few, last: size - 1, size, whole }
  findings.push(partCheck('range-suffix', tail, wanted))
  const clipped = await ask(`${size - few}-${size + 65_535}`)
  findings.push(
    partCheck('range-end', clipped, wanted, FIXES.rangeEnd),
    beyondCheck(await ask(`${size + 1}-`), size),
  )
  const { etag } = whole.headers
  if (etag !== undefined && !etag.startsWith('W/')) {
    const same = await ask('0-0', { 'if-range': etag })
    const other = await ask('0-0', { 'if-range': '"another-file"' })
    findings.push(ifRangeCheck(same, other))
  }
  return findings
}

/** The part that should have come. */
interface WantedPart {
  readonly first: number
  readonly last: number
  /** Bytes of the whole file. */
  readonly size: number
  /** The file as it was read whole, as far as it was. */
  readonly whole?: Seen
}

/** A finding on one part: 206, Content-Range, and the bytes that the whole file has there. */
function partCheck(
  check: string,
  part: Seen,
  { first, last, size, whole }: WantedPart,
  fix: Fix = FIXES.range,
): Finding {
  const { status, headers, bytes } = part
  if (status === 200) return fail(check, '200 with the whole file: Range is ignored', fix)
  if (status !== 206) return fail(check, `answers ${status} instead of 206`, fix)
  const said = headers['content-range'] ?? 'none'
  if (said !== `bytes ${first}-${last}/${size}`) {
    return fail(check, `Content-Range is ${said}, not bytes ${first}-${last}/${size}`, fix)
  }
  const length = last - first + 1
  if (!part.cut && bytes.length !== length) {
    return fail(check, `${bytes.length} bytes instead of ${length}`, fix)
  }
  const known = whole?.bytes.subarray(first, last + 1)
  const right =
    known === undefined || !bytes.some((byte, at) => at < known.length && byte !== known[at])
  return right
    ? ok(check, `206, bytes ${first}-${last} of ${size}`)
    : fail(check, `the bytes ${first}-${last} are not those of the whole file`, fix)
}

function beyondCheck({ status, headers }: Seen, size: number): Finding {
  const said = headers['content-range'] ?? 'none'
  if (status === 416 && said === `bytes */${size}`) return ok('range-beyond', `416, ${said}`)
  const evidence = `answers ${status} with Content-Range ${said}`
  return fail('range-beyond', evidence, FIXES.rangeBeyond)
}

function ifRangeCheck(same: Seen, other: Seen): Finding {
  if (same.status !== 206) {
    const evidence = `answers ${same.status} although the ETag is the same`
    return fail('if-range', evidence, FIXES.ifRange)
  }
  return other.status === 200
    ? ok('if-range', '206 for the same ETag, 200 for another')
    : fail('if-range', `answers ${other.status} although the ETag is another`, FIXES.ifRange)
}
