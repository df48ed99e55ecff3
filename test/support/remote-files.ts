/** Files to download, with everything that is known of them before. */
import { createCipheriv, createHash } from 'node:crypto'
import type { Test } from 'tap'
import { Network, type NetworkOptions } from '../../src/transfer/network.ts'
import { PART_SIZE } from '../../src/transfer/part-plan.ts'
import type { RemoteFile } from '../../src/transfer/remote-file.ts'
import type { TransferEvent, TransferOptions } from '../../src/transfer/transfer-options.ts'

/** Bytes that nothing compresses, made fast; others for another seed. */
export function fastNoise(length: number, seed = 1): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(
    Buffer.alloc(length),
  )
}

/** Digest of bytes in hex. */
export function digestOf(algorithm: 'md5' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

/** What a refdepot tells of a file; with `parts: false` what a refgenieserver tells. */
export function remoteFile(content: Buffer, urls: readonly string[], parts = true): RemoteFile {
  const sha256: string[] = []
  for (let at = 0; at < content.length; at += PART_SIZE) {
    sha256.push(digestOf('sha256', content.subarray(at, at + PART_SIZE)))
  }
  return {
    subject: 'rCRSd/fasta:default',
    size: content.length,
    digests: {
      md5: digestOf('md5', content),
      ...(parts && { sha256: digestOf('sha256', content) }),
    },
    ...(parts && { parts: { size: PART_SIZE, sha256 } }),
    urls,
  }
}

/** Options that lose no time, and what was told. */
export function quickly(
  t: Test,
  network: NetworkOptions = {},
): TransferOptions & { readonly events: TransferEvent[] } {
  const quick = new Network({ pauseMs: 2, retries: 6, answerMs: 5000, ...network })
  t.teardown(() => quick.close())
  const events: TransferEvent[] = []
  return { network: quick, events, onEvent: event => events.push(event) }
}
