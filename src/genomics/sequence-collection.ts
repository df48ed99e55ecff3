/** The digest of a sequence collection (GA4GH refget Sequence Collections 1.0). */
import { createHash } from 'node:crypto'

/** What a collection says of each of its sequences. */
interface CollectedSequence {
  readonly name: string
  /** Without `SQ.`. */
  readonly sha512t24u: string
}

/** First 24 bytes of SHA-512 in base64url, of a text in UTF-8. */
function sha512t24u(text: string): string {
  return createHash('sha512').update(text).digest().subarray(0, 24).toString('base64url')
}

/**
 * Level-0 digest: over the digests of the names and of the sequences, the inherent attributes. For lists of texts and for these
 * two keys, `JSON.stringify` gives the canonical form (RFC 8785).
 */
export function sequenceCollectionDigest(sequences: readonly CollectedSequence[]): string {
  const names = sha512t24u(JSON.stringify(sequences.map(({ name }) => name)))
  const digests = sequences.map(sequence => `SQ.${sequence.sha512t24u}`)
  return sha512t24u(JSON.stringify({ names, sequences: sha512t24u(JSON.stringify(digests)) }))
}
