/** Reads a manifest from a file, an address, standard input, or by the id that a server gave it. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { SettingInvalid } from '../config/config-error.ts'
import { isSha256 } from '../domain/digest.ts'
import { MOST_MANIFEST_BYTES, parseManifest } from '../domain/manifest.ts'
import type { ManifestRow } from '../domain/manifest-row.ts'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'

/** Who is asked for a manifest with an id. */
interface ManifestServers {
  readonly network: Network
  readonly servers: readonly string[]
}

/**
 * The rows of a manifest.
 *
 * @param source - path, http or https URL, id at one of the servers, or `-` for standard input
 * @throws ManifestInvalid, RemoteFailed, SettingInvalid for a file that cannot be read
 */
export async function readManifest(
  source: string,
  { network, servers }: ManifestServers,
): Promise<readonly ManifestRow[]> {
  return parseManifest(await textOf(source, network, servers)).rows
}

async function textOf(
  source: string,
  network: Network,
  servers: readonly string[],
): Promise<string> {
  if (source === '-') return text(process.stdin)
  if (/^https?:\/\//.test(source)) return at(network, source)
  const id = source.replace(/^sha256:/, '')
  if (isSha256(id)) return byId(id, network, servers)
  try {
    return await readFile(source, 'utf8')
  } catch (error) {
    const allowed = `a file, an http or https URL, or the id of a manifest (${(error as Error).message})`
    throw new SettingInvalid('--manifest', source, allowed)
  }
}

/** At the first server that has it. */
async function byId(id: string, network: Network, servers: readonly string[]): Promise<string> {
  let failure: unknown = new SettingInvalid(
    '--manifest',
    id,
    'a server that has it, by --server URL',
  )
  for (const server of servers) {
    try {
      return await at(network, `${server}/manifests/${id}`)
    } catch (error) {
      if (!(error instanceof RemoteFailed)) throw error
      failure = error
    }
  }
  throw failure
}

async function at(network: Network, url: string): Promise<string> {
  const headers = { accept: 'application/json, text/tab-separated-values;q=0.9, */*;q=0.1' }
  return (await network.bytes(url, { headers }, MOST_MANIFEST_BYTES)).toString('utf8')
}
