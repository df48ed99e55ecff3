/** An archive folder with open and controlled assets, and beside its config one in which what is controlled was never there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { removeTag } from '../../src/archive/server-record.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { plainFasta } from './content-shapes.ts'
import { LAMBDA, T7 } from './genome-fixtures.ts'
import { type GenomeFolder, genomeFolder } from './genome-folder.ts'

/** Names of what is controlled: a whole genome, an asset, a tag, and a decoy that stays in both configs. */
export const HUSH = { digest: LAMBDA, alias: 'hush' } as const
export const PANEL = 'panel'
/** Not `default`: the peer answers that word for whatever it does not know. */
export const PANEL_TAG = 'v7'
export const SECRET_TAG = 'somatic'
const DECOY = 'decoy'

/** Policy of the folder. */
const POLICY = `
genomes:
  t7:
    assets:
      ${PANEL}: { access: controlled, study: PANEL-7 }
      fasta: { tags: { ${SECRET_TAG}: { access: restricted, study: PANEL-7 } } }
studies:
  HUSH: ['${HUSH.alias}/*']
  DECOY: ['*/${DECOY}']
`

/** The folder; both configs lie over the same archives. */
export interface ControlledFolder {
  readonly archiveFolder: string
  /** Path of the config with everything. */
  readonly config: string
  /** Path of the config in which what is controlled (but the decoy) was never there. */
  readonly without: string
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
  const without = join(archiveFolder, 'without.yml')
  const raw = await readRawConfig(config)
  for (const name of [
    { genome: T7, asset: PANEL, tag: PANEL_TAG },
    { genome: T7, asset: 'fasta', tag: SECRET_TAG },
    { genome: LAMBDA, asset: 'fasta', tag: 'default' },
  ]) {
    removeTag(raw, name)
  }
  await writeFile(without, formatGenomeConfig(raw))
  const policy = join(archiveFolder, 'policy.txt')
  await writeFile(policy, POLICY)
  const digests = {
    controlled: [
      ...(await digestsOf(archiveFolder, T7, `${PANEL}__${PANEL_TAG}`)),
      ...(await digestsOf(archiveFolder, T7, `fasta__${SECRET_TAG}`)),
      ...(await digestsOf(archiveFolder, LAMBDA, 'fasta__default')),
    ],
    open: await digestsOf(archiveFolder, T7, 'fasta__default'),
  }
  return { archiveFolder, config, without, policy, state: join(archiveFolder, 'state.db'), digests }
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
