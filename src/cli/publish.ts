/** `refdepot publish`: packs a folder or file and publishes it, on a server or in a store, in one go. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ArchiveTarget } from '../archive/archive-target.ts'
import { openServerTarget, openTarget } from '../archive/archive-target.ts'
import { createArchives } from '../archive/create-archives.ts'
import { stageSource } from '../archive/publish-source.ts'
import { pushStaged } from '../archive/push-staged.ts'
import { uploadOf } from '../archive/upload-files.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { entriesOf } from '../domain/catalogue.ts'
import { formatSize } from '../domain/human-size.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { sendArchive } from '../transfer/send-archive.ts'
import { UploadClient } from '../transfer/upload-client.ts'
import { jobsOf } from './archive-create.ts'
import { eventView } from './archive-events.ts'
import { requiredBy } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'
import { tokenOf } from './network-flags.ts'
import { toStderr } from './output-lines.ts'
import { storeOf } from './store-flags.ts'

/** Flags of `publish`. */
export interface PublishFlags {
  readonly as: string
  readonly server?: string
  readonly store?: string
  readonly tokenFile?: string
  readonly genomeDigest?: string
  readonly genomeDescription?: string
  readonly description?: string
  readonly seekKey?: readonly string[]
  readonly licence?: string
  readonly redistribute?: string
  readonly source?: string
  readonly release?: string
  readonly accession?: string
  readonly citation?: string
  readonly access?: string
  readonly study?: readonly string[]
  readonly policy?: string
  readonly throughServer?: boolean
  readonly jobs?: string
  readonly json?: boolean
}

/** Publishes a folder or file under a registry path. */
export async function runPublish(path: string, flags: PublishFlags): Promise<number> {
  if ((flags.server ?? '') === '' && (flags.store ?? '') === '') {
    const allowed = 'a server (--server URL) or a store (--store PLACE)'
    throw new SettingInvalid('the place to publish in', '', allowed)
  }
  if (flags.server !== undefined && !/^https?:\/\/[^\s?#]+$/.test(flags.server)) {
    throw new SettingInvalid('--server', flags.server, 'an http or https URL')
  }
  // Asked for before anything is packed.
  const token = flags.server === undefined ? '' : await writeToken(flags)
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-publish-'))
  try {
    const target = await pack(path, flags, folder)
    const published =
      flags.server === undefined
        ? await intoStore(target, flags)
        : await toServer(target, flags, new UploadClient(flags.server, token))
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ event: 'published', ...published })}\n`
        : `published ${published.registryPath} (generation ${published.generation})\n`,
    )
    return EXIT.ok
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Packs the source; answers the archive folder it is in. */
async function pack(path: string, flags: PublishFlags, folder: string): Promise<ArchiveTarget> {
  const names = namesOf(flags.as)
  const { genomeDigest, genomeDescription } = flags
  const staged = await stageSource(
    {
      path,
      ...names,
      ...(genomeDigest !== undefined && { genomeDigest }),
      ...(genomeDescription !== undefined && { genomeDescription }),
      seekKeys: seekKeysOf(flags.seekKey ?? []),
      attributes: attributesOf(flags),
    },
    folder,
  )
  const view = eventView(flags.json === true)
  const failures: Error[] = []
  await createArchives(await openTarget(staged.config), {
    registryPaths: [],
    require: await requiredBy(flags),
    ...(flags.jobs !== undefined && { jobs: jobsOf(flags.jobs) }),
    onEvent: event => {
      if (event.event === 'failed') failures.push(event.error)
      // Nobody has built it here: that there is no log and no recipe is no news.
      else if (event.event !== 'warning') view.onEvent(event)
    },
  })
  const [failure] = failures
  if (failure !== undefined) throw failure
  return openServerTarget(staged.config)
}

interface Published {
  readonly registryPath: string
  readonly generation: number
}

async function intoStore(target: ArchiveTarget, flags: PublishFlags): Promise<Published> {
  const registryPath = onlyPath(target)
  const generation = await pushStaged(target, await storeOf(flags), await requiredBy(flags))
  return { registryPath, generation }
}

async function toServer(
  target: ArchiveTarget,
  flags: PublishFlags,
  client: UploadClient,
): Promise<Published> {
  const { path, order } = await uploadOf(target)
  let toldAt = 0
  const upload = await sendArchive({
    client,
    path,
    order,
    throughServer: flags.throughServer === true,
    onProgress: (there, size) => {
      if (Date.now() - toldAt < TELL_MS && there < size) return
      toldAt = Date.now()
      toStderr(`sent ${formatSize(there)} of ${formatSize(size)}`)
    },
    onVerifying: () => toStderr('the server compares it'),
  })
  return { registryPath: upload.registry_path, generation: upload.generation ?? 0 }
}

const TELL_MS = 2000

function onlyPath({ source }: ArchiveTarget): string {
  const [genome] = source.genomes
  const [entry] = genome === undefined ? [] : [...entriesOf(genome)]
  return entry === undefined ? '' : `${entry.genome.digest}/${entry.asset.name}:${entry.tag.name}`
}

/** There is nothing to publish with unless somebody gives a token. */
async function writeToken(flags: PublishFlags): Promise<string> {
  const token = await tokenOf(flags, process.env, toStderr)
  if (token !== '') return token
  const allowed = 'a token with a write scope, in $REFDEPOT_TOKEN or by --token-file FILE'
  throw new SettingInvalid('the token', '', allowed)
}

function namesOf(as: string): { genome: string; asset: string; tag: string } {
  const path = parseRegistryPath(as)
  if (path?.genome === undefined || path.seekKey !== undefined) {
    throw new SettingInvalid('--as', as, 'GENOME/ASSET:TAG; letters, digits, - and _ in names')
  }
  return { genome: path.genome, asset: path.asset, tag: path.tag ?? 'default' }
}

function seekKeysOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [, key, path] = /^([0-9A-Za-z_-]+)=(.+)$/s.exec(pair) ?? []
      if (key === undefined) throw new SettingInvalid('--seek-key', pair, 'NAME=PATH')
      return [key, path as string]
    }),
  )
}

function attributesOf(flags: PublishFlags): Record<string, string | string[]> {
  const { description, access, study } = flags
  if (access !== undefined && access !== 'open' && access !== 'controlled') {
    throw new SettingInvalid('--access', access, 'open or controlled')
  }
  const said = {
    tag_description: description,
    licence: flags.licence,
    redistribute: flags.redistribute,
    source: flags.source,
    release: flags.release,
    accession: flags.accession,
    citation: flags.citation,
    access,
    study: study === undefined ? undefined : [...study],
  }
  const given = Object.entries(said).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as Record<string, string | string[]>
}
