/** An archive folder with open and controlled assets, and beside it one in which what is controlled was never there. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { FOLDER_PLACES } from '../../src/archive/archive-places.ts'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { createRelease } from '../../src/archive/create-release.ts'
import { INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { removeTag } from '../../src/archive/server-record.ts'
import { pathOfName, withdrawTag } from '../../src/archive/withdrawal-record.ts'
import { readGenomeConfig } from '../../src/config/genome-config.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { AccessTable } from '../../src/domain/access.ts'
import type { ReleaseEntry } from '../../src/domain/release.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { plainFasta } from './content-shapes.ts'
import { LAMBDA, T7 } from './genome-fixtures.ts'
import { type GenomeFolder, genomeFolder } from './genome-folder.ts'

/** Names of what is controlled: a whole genome, an asset, a tag, and a decoy that stays in both configs. */
export const HUSH = { digest: LAMBDA, alias: 'hush' } as const
export const PANEL = 'panel'
/** Not `default`: the peer answers that word for whatever it does not know. */
export const PANEL_TAG = 'v7'
export const SECRET_TAG = 'somatic'
/** Withdrawn tags: a controlled one, and an open one whose successor is controlled. */
export const RETRACTED_TAG = 'retracted'
export const OLD_TAG = 'old'
const DECOY = 'decoy'

/** Policy of the folder. */
const POLICY = `
genomes:
  t7:
    assets:
      ${PANEL}: { access: controlled, study: PANEL-7 }
      fasta:
        tags:
          ${SECRET_TAG}: { access: restricted, study: PANEL-7 }
          ${RETRACTED_TAG}: { access: controlled, study: PANEL-7 }
studies:
  HUSH: ['${HUSH.alias}/*']
  DECOY: ['*/${DECOY}']
`

/** Names of releases: one of everything, one of what is controlled, one of what is open, one made before anything was withdrawn. */
export const RELEASES = { all: 'all', secret: 'secret', open: 'open', early: 'early' } as const

/** The folder; both configs lie over the same archives. */
export interface ControlledFolder {
  readonly archiveFolder: string
  /** Path of the config with everything. */
  readonly config: string
  /** Path of the config in which what is controlled (but the decoy) was never there, and its archive folder. */
  readonly without: string
  readonly withoutFolder: string
  readonly policy: string
  readonly state: string
  /** Digests that lead to something controlled, and to something open. */
  readonly digests: { readonly controlled: readonly string[]; readonly open: readonly string[] }
}

/** Makes the folder for one test. */
export async function controlledFolder(t: Test): Promise<ControlledFolder> {
  const made = await genomeFolder(
    t,
    {
      'fasta:default': {
        files: { '{genome}.fa': plainFasta(3000), '{genome}.fa.fai': 'chr1\t3000\t6\t60\t61\n' },
        attributes: {
          seek_keys: { fasta: '{genome}.fa', fai: '{genome}.fa.fai', dir: '.' },
          asset_children: [`${T7}/${PANEL}:${PANEL_TAG}`, `${T7}/index:default`],
        },
      },
      [`fasta:${RETRACTED_TAG}`]: {
        files: { '{genome}.fa': '>chrR\nACGTTTACGGTA\n' },
        attributes: { seek_keys: { fasta: '{genome}.fa', dir: '.' } },
      },
      [`fasta:${OLD_TAG}`]: {
        files: { '{genome}.fa': '>chrO\nGGTTTACGGTAC\n' },
        attributes: { seek_keys: { fasta: '{genome}.fa', dir: '.' } },
      },
      [`fasta:${SECRET_TAG}`]: {
        files: { '{genome}.fa': '>chrS\nACGTACGTTTGACA\n' },
        attributes: { seek_keys: { fasta: '{genome}.fa', dir: '.' } },
      },
      [`${PANEL}:${PANEL_TAG}`]: {
        files: { 'panel.bed': 'chr1\t10\t20\tsecret-region\n' },
        attributes: {
          seek_keys: { panel: 'panel.bed', dir: '.' },
          asset_parents: [`${T7}/fasta:default`],
          asset_children: [`${T7}/index:default`],
        },
      },
      'index:default': {
        files: { 'index.bin': Buffer.alloc(5000, 'index') },
        attributes: {
          seek_keys: { index: 'index.bin', dir: '.' },
          asset_parents: [`${T7}/fasta:default`, `${T7}/${PANEL}:${PANEL_TAG}`],
        },
      },
      [`${DECOY}:default`]: { files: { 'decoy.txt': 'decoy' } },
    },
    ['t7'],
  )
  await addHush(made)
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const { archiveFolder, serverConfig: config } = made
  const { early } = RELEASES
  await release(config, archiveFolder, early)
  const raw = await readRawConfig(config)
  const at = '2026-01-01T00:00:00.000Z'
  const fasta = (tag: string) => ({ genome: T7, asset: 'fasta', tag })
  const successor = { genome: T7, asset: PANEL, tag: PANEL_TAG }
  withdrawTag(raw, fasta(RETRACTED_TAG), { reason: 'secretly wrong', at })
  withdrawTag(raw, fasta(OLD_TAG), { reason: 'wrong', successor, at })
  await writeFile(config, formatGenomeConfig(raw))
  await release(config, archiveFolder, RELEASES.all)
  await release(config, archiveFolder, RELEASES.secret, [`t7/${PANEL}`, HUSH.alias])
  await release(config, archiveFolder, RELEASES.open, ['t7/fasta:default', 't7/index'])
  const hidden = [
    { genome: T7, asset: PANEL, tag: PANEL_TAG },
    fasta(SECRET_TAG),
    fasta(RETRACTED_TAG),
    { genome: LAMBDA, asset: 'fasta', tag: 'default' },
    { genome: T7, asset: DECOY, tag: 'default' },
  ].map(pathOfName)
  for (const name of [
    { genome: T7, asset: PANEL, tag: PANEL_TAG },
    fasta(SECRET_TAG),
    fasta(RETRACTED_TAG),
    { genome: LAMBDA, asset: 'fasta', tag: 'default' },
  ]) {
    removeTag(raw, name)
  }
  const withoutFolder = await folderWithout(archiveFolder, hidden)
  const without = join(withoutFolder, 'without.yml')
  await writeFile(without, formatGenomeConfig(raw))
  const policy = join(archiveFolder, 'policy.txt')
  await writeFile(policy, POLICY)
  const digests = {
    controlled: [
      ...(await digestsOf(archiveFolder, T7, `${PANEL}__${PANEL_TAG}`)),
      ...(await digestsOf(archiveFolder, T7, `fasta__${SECRET_TAG}`)),
      ...(await digestsOf(archiveFolder, T7, `fasta__${RETRACTED_TAG}`)),
      ...(await digestsOf(archiveFolder, LAMBDA, 'fasta__default')),
    ],
    open: [
      ...(await digestsOf(archiveFolder, T7, 'fasta__default')),
      ...(await digestsOf(archiveFolder, T7, `fasta__${OLD_TAG}`)),
    ],
  }
  const state = join(archiveFolder, 'state.db')
  return { archiveFolder, config, without, withoutFolder, policy, state, digests }
}

/** Makes a release; what is controlled is said by the policy alone. */
async function release(config: string, folder: string, name: string, registryPaths: string[] = []) {
  const { genomes } = await readGenomeConfig(config)
  const access = new AccessTable(genomes, { configs: [] })
  const store = await openWritableStore(folder)
  const source = { ...store, places: FOLDER_PLACES, genomes, access }
  await createRelease(source, { name, registryPaths, description: 'A release' })
}

/** Another archive folder with the same archives, and releases that never had what is hidden. */
async function folderWithout(folder: string, hidden: readonly string[]): Promise<string> {
  const without = join(folder, '..', 'without')
  await mkdir(join(without, 'releases'), { recursive: true })
  for (const genome of [T7, LAMBDA, 't7', HUSH.alias])
    await symlink(join(folder, genome), join(without, genome))
  for (const name of Object.values(RELEASES)) {
    const all = JSON.parse(await readFile(join(folder, 'releases', `${name}.json`), 'utf8'))
    const entries = all.entries.filter(
      (entry: ReleaseEntry) => !hidden.includes(entry.registry_path),
    )
    if (entries.length === 0) continue
    await writeFile(join(without, 'releases', `${name}.json`), JSON.stringify({ ...all, entries }))
  }
  return without
}

async function addHush(made: GenomeFolder): Promise<void> {
  const folder = join(made.genomeFolder, 'data', LAMBDA, 'fasta', 'default')
  await mkdir(join(folder, '_refgenie_build'), { recursive: true })
  await writeFile(join(folder, `${LAMBDA}.fa`), '>quiet\nTTTTACGTGGGG\n')
  const build = join(folder, '_refgenie_build')
  await writeFile(join(build, 'refgenie_log.md'), '# log\n')
  await writeFile(join(build, 'build_recipe_fasta__default.json'), '{"name": "x"}')
  await writeFile(join(build, 'refgenie_SAMPLE_completed.flag'), '')
  await made.rewrite(raw => {
    const tag = {
      asset_path: 'fasta',
      seek_keys: { fasta: `${LAMBDA}.fa`, dir: '.' },
      asset_children: [`${T7}/index:default`],
    }
    raw.genomes ??= {}
    raw.genomes[LAMBDA] = {
      aliases: [HUSH.alias],
      genome_description: 'Nobody knows it',
      assets: { fasta: { default_tag: 'default', tags: { default: tag } } },
    }
    const index = raw.genomes[T7]?.assets?.index?.tags?.default
    index?.asset_parents?.push(`${LAMBDA}/fasta:default`)
  })
}

/** Digests of archive, views and files of a tag. */
async function digestsOf(folder: string, genome: string, name: string): Promise<string[]> {
  const path = join(folder, genome, `${name}.tgz`)
  const text = await readFile(path + INDEX_SUFFIX, 'utf8')
  return [
    ...new Set([...text.matchAll(/"([0-9a-f]{64}|[0-9a-f]{32})"/g)].map(([, it]) => it as string)),
  ]
}
