/** The digests that name things: their shapes only; computing them is the archive's work. */

/** Length of a genome digest in characters: the first 24 bytes of a SHA-512 in hex (refgenie 0.x). */
export const GENOME_DIGEST_LENGTH = 48

/** True for a genome digest as the 0.x tools write it: 48 lowercase hex characters. */
export function isGenomeDigest(text: string): boolean {
  return /^[0-9a-f]{48}$/.test(text)
}

/** True for an md5 in lowercase hex. */
export function isMd5(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text)
}

/** True for a sha256 in lowercase hex. */
export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
