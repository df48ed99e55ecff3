/** Where archives lie when the config names remotes: the peer then sends every caller there. */
import type { Catalogue } from '../domain/catalogue.ts'

/**
 * Prefix of the remote to send callers to, without a trailing slash: the one named `http`, else the first with an http(s) prefix.
 * Undefined when archives are served from here.
 */
export function redirectPrefix(catalogue: Catalogue): string | undefined {
  const remotes = [...(catalogue.remotes ?? [])]
  const named = remotes.find(([name]) => name === 'http')
  const usable = named ?? remotes.find(([, remote]) => /^https?:\/\//.test(remote.prefix))
  // A header holds ASCII only.
  return usable?.[1].prefix.replace(/\/+$/, '').replace(/[^\x21-\x7e]+/gu, encodeURIComponent)
}

/** Prefix of the remote of a class (`http`, `s3`, …), without a trailing slash. */
export function classPrefix(catalogue: Catalogue, remoteClass: string): string | undefined {
  return catalogue.remotes?.get(remoteClass)?.prefix.replace(/\/+$/, '')
}
