/** Names of buckets: `s3://BUCKET/PREFIX`. */

/** A folder of a bucket. */
export interface S3Location {
  readonly bucket: string
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string
}

/** Reads `s3://BUCKET[/PREFIX]`; undefined when the text is none. */
export function parseS3Location(text: string): S3Location | undefined {
  const [, bucket, rest = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(text) ?? []
  if (bucket === undefined) return undefined
  const prefix = rest.replace(/^\/+|\/+$/g, '')
  const parts = prefix === '' ? [] : prefix.split('/')
  const odd =
    parts.some(part => part === '' || part === '.' || part === '..') || prefix.includes('\0')
  return odd ? undefined : { bucket, prefix }
}
