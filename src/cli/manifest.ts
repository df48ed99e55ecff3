/** `refdepot manifest`: makes lists of archives, shows them in the forms of other tools, and keeps them at a server. */
import { openServerTarget } from '../archive/archive-target.ts'
import { archivesInFolder } from '../archive/archives-at.ts'
import { localManifest } from '../client/local-manifest.ts'
import type { MadeManifest, ManifestRequest } from '../client/manifest-request.ts'
import { remoteManifest } from '../client/remote-manifest.ts'
import { SettingInvalid } from '../config/config-error.ts'
import {
  formatManifest,
  MANIFEST_FORMATS,
  type ManifestFormat,
  withAddresses,
} from '../domain/manifest.ts'
import { EXIT } from './exit-codes.ts'
import { readManifest } from './manifest-source.ts'
import { type NetworkFlags, serversOf } from './network-flags.ts'
import { toStderr, toStdout } from './output-lines.ts'
import { withCatalogue, withNetwork } from './with-network.ts'

/** Flags of the commands on manifests. */
export interface ManifestFlags extends NetworkFlags {
  readonly format?: string
  readonly json?: boolean
}

/** Flags of `manifest create`. */
export interface CreateFlags extends ManifestFlags {
  readonly config?: string
  readonly archiveFolder?: string
  readonly genome?: readonly string[]
  readonly asset?: readonly string[]
  readonly allTags?: boolean
}

/** Prints a manifest of what servers or an archive folder have. */
export async function runManifestCreate(
  names: readonly string[],
  flags: CreateFlags,
): Promise<number> {
  const format = formatOf(flags)
  const { genome: genomes = [], asset: assets = [], allTags = false } = flags
  const request = { names, genomes, assets, allTags, withPieces: format === 'meta4' }
  const { manifest, pieces } =
    flags.config === undefined ? await ofServers(request, flags) : await ofFolder(request, flags)
  process.stdout.write(formatManifest(manifest, format, pieces))
  return EXIT.ok
}

/** Prints a manifest of a file, an address, or an id, in a format. */
export async function runManifestShow(source: string, flags: ManifestFlags): Promise<number> {
  const format = formatOf(flags)
  return withNetwork(flags, async (network, servers) => {
    const rows = await readManifest(source, { network, servers })
    const [server] = servers
    // What is shown as it is stays as it is.
    const needsAddresses = format === 'meta4' || format === 'aria2'
    const manifest =
      server === undefined || !needsAddresses
        ? { rows }
        : withAddresses({ rows }, digest => `${server}/archives/${digest}`)
    process.stdout.write(formatManifest(manifest, format))
    return EXIT.ok
  })
}

/** Has the first server keep a manifest; prints its address there. */
export async function runManifestPublish(source: string, flags: ManifestFlags): Promise<number> {
  return withNetwork(flags, async (network, servers) => {
    const [server] = servers
    if (server === undefined) {
      throw new SettingInvalid('--server', '', 'a refdepot that shall keep it')
    }
    const rows = await readManifest(source, { network, servers })
    const kept = await network.json<{ readonly id: string; readonly expires_at: string }>(
      `${server}/manifests`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: formatManifest({ rows }, 'json'),
      },
    )
    if (flags.json === true) toStdout(JSON.stringify(kept))
    else {
      toStdout(`${server}/manifests/${kept.id}`)
      toStderr(`kept until ${kept.expires_at}`)
    }
    return EXIT.ok
  })
}

function ofServers(request: ManifestRequest, flags: CreateFlags): Promise<MadeManifest> {
  return withCatalogue(flags, (catalogue, network) => remoteManifest(catalogue, network, request))
}

async function ofFolder(request: ManifestRequest, flags: CreateFlags): Promise<MadeManifest> {
  const { source, archiveFolder } = await openServerTarget(
    flags.config as string,
    flags.archiveFolder,
  )
  const made = await localManifest(source.genomes, archivesInFolder(archiveFolder), request)
  const [server] = serversOf(flags, {})
  if (server === undefined) return made
  const addressOf = (digest: string) => `${server}/archives/${digest}`
  return { ...made, manifest: withAddresses(made.manifest, addressOf) }
}

function formatOf({ format = 'tsv' }: ManifestFlags): ManifestFormat {
  const known = MANIFEST_FORMATS.find(name => name === format)
  if (known !== undefined) return known
  throw new SettingInvalid('--format', format, MANIFEST_FORMATS.join(', '))
}
