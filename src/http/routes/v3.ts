/** API v3 of refgenieserver, mounted at `/v3` and at the root. */

import type { CatalogueEntry } from '../../domain/catalogue.ts'
import type { Tag } from '../../domain/genome.ts'
import { Type } from '../../domain/schema.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import { json, text } from '../answers.ts'
import { RefgenieError } from '../errors.ts'
import { defaultTagAnswer, genomesAnswer } from '../refgenie-answers.ts'
import { aliasDict, assetList, genomeAttributes, tagObject } from '../refgenie-content.ts'
import { archiveAnswer, jsonFileAnswer, logAnswer } from '../refgenie-files.ts'
import {
  found,
  lasting,
  type RefgenieCall,
  type RefgenieRoute,
  TAG_QUERY,
} from '../refgenie-route.ts'
import { type ParameterRule, parseBoolean } from '../refgenie-validation.ts'
import { classPrefix } from '../remote.ts'
import { pageRoutes } from './v3-pages.ts'

type V3Route = Omit<RefgenieRoute, 'tag'>

const WORD: ParameterRule = { kind: 'word' }
const GENOME_RULE: ParameterRule = { kind: 'genome' }
const ASSET_RULES = { genome: GENOME_RULE, asset: WORD, tag: WORD }
const TEXTS = Type.Array(Type.String())
const REMOTE_CLASS = 'http'

/**
 * The routes of one mount.
 *
 * @param mount - `/v3`, or empty for the root, whose operation ids begin with `root_` (ids must be unique, and clients look for the
 * ones of `/v3`)
 */
export function v3Routes(mount: '' | '/v3'): RefgenieRoute[] {
  const name = (id: string) => (id.includes('custom_Id_') ? id : `${id}_v3`)
  return [...pageRoutes(), ...genomeRoutes, ...assetRoutes, ...fileRoutes].map(route => ({
    ...route,
    tag: 'APIv3',
    path: mount + route.path,
    // Ids that the peer's framework makes of function and path, such as `list_available_genomes_v3_genomes_list_get`.
    operationId: `${mount === '' ? 'root_' : ''}${frameworkId(name(route.operationId), route.path)}`,
  }))
}

function frameworkId(name: string, path: string): string {
  return name.endsWith('_v3') ? `${name}${path.replace(/\W/g, '_')}_get` : name
}

const genomeRoutes: V3Route[] = [
  {
    path: '/remotes/dict',
    operationId: 'get_remotes_dict',
    summary: 'Remotes',
    description:
      'Stores that hold copies of the archives, by name; empty when archives are served from here.',
    kind: 'json',
    schema: Type.Record(
      Type.String(),
      Type.Object({ prefix: Type.String(), description: Type.Optional(Type.String()) }),
    ),
    example: { http: { prefix: 'https://example.org/archives', description: 'public copy' } },
    canMiss: false,
    answer: ({ generation: { catalogue, answers } }) => ({
      blob: answers.of(catalogue, 'remotes', () =>
        json(Object.fromEntries(catalogue.remotes ?? [])),
      ),
    }),
  },
  {
    path: '/genomes/list',
    operationId: 'list_available_genomes',
    summary: 'Genome digests',
    description: 'Digests of all genomes, in the order of the config.',
    kind: 'json',
    schema: TEXTS,
    example: ['6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905'],
    canMiss: false,
    answer: ({ generation: { catalogue, answers } }) => ({
      blob: answers.of(catalogue, 'v3 genomes', () =>
        json(catalogue.genomes.map(genome => genome.digest)),
      ),
    }),
  },
  {
    path: '/genomes/alias_dict',
    operationId: 'v3custom_Id_aliases_dict',
    summary: 'Aliases of all genomes',
    description: 'Genome digest to aliases.',
    kind: 'json',
    schema: Type.Record(Type.String(), TEXTS),
    example: { '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905': ['t7'] },
    canMiss: false,
    answer: ({ generation: { catalogue, answers } }) => ({
      blob: answers.of(catalogue, 'v3 aliases', () => json(aliasDict(catalogue))),
    }),
  },
  {
    path: '/genomes/attrs/{genome}',
    operationId: 'v3custom_Id_genome_attrs',
    summary: 'Attributes of a genome',
    description: 'Description of a genome.',
    kind: 'json',
    schema: Type.Record(Type.String(), Type.String()),
    example: { genome_description: 'Bacteriophage T7 complete genome' },
    rules: { genome: GENOME_RULE },
    answer: call => {
      const name = call.path('genome')
      const { catalogue, answers } = call.generation
      const genome = found(catalogue.genome(name), `No such genome (${name}) on server`)
      return { blob: answers.of(genome, 'attributes', () => json(genomeAttributes(genome))) }
    },
  },
  {
    path: '/genomes/by_asset/{asset}',
    operationId: 'list_genomes_by_asset',
    summary: 'Genomes with an asset',
    description: 'First aliases of the genomes that have an asset, sorted.',
    kind: 'json',
    schema: TEXTS,
    example: ['lambda', 't7'],
    canMiss: false,
    rules: { asset: WORD },
    answer: call => ({ blob: genomesAnswer(call) }),
  },
  {
    path: '/genomes/genome_digest/{alias}',
    operationId: 'v3custom_Id_alias_digest',
    summary: 'Digest of an alias',
    description: 'The genome digest that an alias stands for.',
    kind: 'text',
    example: '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905',
    rules: { alias: WORD },
    answer: call => {
      const alias = call.path('alias')
      const digest = call.generation.catalogue.digestOfAlias(alias)
      return { blob: text(found(digest, `No such alias (${alias}) on server`)) }
    },
  },
  {
    path: '/genomes/aliases/{genome}',
    operationId: 'v3custom_Id_alias_alias',
    summary: 'Aliases of a genome',
    description: 'All aliases of a genome.',
    kind: 'json',
    schema: TEXTS,
    example: ['t7'],
    rules: { genome: GENOME_RULE },
    answer: call => {
      const name = call.path('genome')
      const { catalogue, answers } = call.generation
      const known = catalogue.genome(name)
      const named = known?.aliases.length === 0 ? undefined : known
      const genome = found(named, `No such genome (${name}) on server`)
      return { blob: answers.of(genome, 'aliases', () => json(genome.aliases)) }
    },
  },
]

const assetRoutes: V3Route[] = [
  {
    path: '/assets/list',
    operationId: 'v3custom_Id_assets',
    summary: 'Assets of all genomes',
    description:
      'Genome digest to names of assets, or to `asset.seek_key:tag` with `includeSeekKeys`.',
    query: { includeSeekKeys: Type.Optional(Type.String({ description: 'true or false' })) },
    kind: 'json',
    schema: Type.Record(Type.String(), TEXTS),
    example: { '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905': ['bwa_index', 'fasta'] },
    canMiss: false,
    rules: { includeSeekKeys: { kind: 'boolean' } },
    answer: call => {
      const { catalogue, answers } = call.generation
      const seekKeys = parseBoolean(call.query('includeSeekKeys') ?? 'false') === true
      // The client takes the first alias of every genome listed here: one without alias would break it.
      const make = () =>
        json(assetList(catalogue, it => (it.aliases.length > 0 ? it.digest : undefined), seekKeys))
      return { blob: answers.of(catalogue, `v3 assets ${seekKeys}`, make) }
    },
  },
  {
    path: '/assets/default_tag/{genome}/{asset}',
    operationId: 'v3custom_Id_default_tag',
    summary: 'Default tag',
    description: 'The default tag of an asset; `default` for an unknown asset.',
    kind: 'text',
    example: 'default',
    canMiss: false,
    rules: { genome: GENOME_RULE, asset: WORD },
    answer: call => ({ blob: defaultTagAnswer(call, 'v3') }),
  },
  digestRoute('asset_digest', 'Asset digest', tag => tag.assetDigest),
  digestRoute('archive_digest', 'Archive digest', tag => tag.archiveDigest),
  {
    path: '/assets/attrs/{genome}/{asset}',
    operationId: 'v3custom_Id_asset_attrs',
    summary: 'Attributes of a tag',
    description: 'Digests, sizes, seek keys and relatives of a tag.',
    query: TAG_QUERY,
    kind: 'json',
    schema: Type.Ref('Tag'),
    rules: ASSET_RULES,
    answer: call => {
      const [genome, asset] = [call.path('genome'), call.path('asset')]
      const { catalogue, answers } = call.generation
      const name = call.query('tag') ?? catalogue.defaultTag(genome, asset)
      const entry = catalogue.entry(genome, asset, name)
      if (entry === undefined) throw missingTag(genome, asset, name)
      const { tag } = entry
      return lasting(answers.of(tag, 'v3 attributes', () => json(tagObject(tag))))
    },
  },
]

/** Without a tag the peer takes the tag named `default` here, not the default tag. */
function digestRoute(name: string, summary: string, value: (tag: Tag) => string): V3Route {
  return {
    path: `/assets/${name}/{genome}/{asset}`,
    operationId:
      name === 'asset_digest' ? 'v3custom_Id_asset_digest' : 'v3custom_Id_asset_archive_digest',
    summary,
    description: `${summary} of a tag; without one, of the tag named \`default\`.`,
    query: TAG_QUERY,
    kind: 'text',
    example: '51a58ef25e4f1d7e76f226fd5655754f',
    rules: ASSET_RULES,
    answer: call => {
      const [genome, asset] = [call.path('genome'), call.path('asset')]
      const named = call.query('tag') ?? 'default'
      const { catalogue, answers } = call.generation
      const entry = catalogue.entry(genome, asset, named)
      if (entry === undefined) throw missingTag(genome, asset, named)
      const { tag } = entry
      return lasting(answers.of(tag, `v3 ${name}`, () => text(value(tag))))
    },
  }
}

function missingTag(genome: string, asset: string, tag: string): RefgenieError {
  return new RefgenieError(
    404,
    `No such genome/asset:tag combination (${genome}/${asset}:${tag}) on server`,
  )
}

const fileRoutes: V3Route[] = [
  {
    path: '/assets/archive/{genome}/{asset}',
    operationId: 'v3custom_Id_archive',
    summary: 'Archive of an asset',
    description: 'The archive file, with byte ranges; its ETag is its md5.',
    query: TAG_QUERY,
    kind: 'archive',
    canRedirect: true,
    rules: ASSET_RULES,
    answer: call => {
      const missing = `No such asset (${call.path('asset')}) on server`
      return archiveAnswer(call, found(entryOf(call), missing), 'stored', missing)
    },
  },
  {
    path: '/assets/file_path/{genome}/{asset}/{seek_key}',
    operationId: 'v3custom_Id_asset_path',
    summary: 'Address of a file',
    description:
      'Where the file of a seek key can be read: on this server, or on a remote of the class asked for.',
    query: {
      ...TAG_QUERY,
      remoteClass: Type.Optional(Type.String({ description: 'Name of a remote; http by default' })),
    },
    kind: 'text',
    example: 'https://example.org/t7/assets/fasta/files/t7.fa?tag=default',
    rules: {
      ...ASSET_RULES,
      seek_key: WORD,
      remoteClass: { kind: 'enum', allowed: remoteClasses },
    },
    answer: call => ({ blob: text(fileAddress(call)) }),
  },
  {
    path: '/assets/recipe/{genome}/{asset}',
    operationId: 'v3custom_Id_asset_recipe',
    summary: 'Build recipe of an asset',
    description: 'The recipe the asset was built with.',
    query: TAG_QUERY,
    kind: 'json',
    schema: Type.Unknown(),
    canRedirect: true,
    rules: ASSET_RULES,
    answer: call => {
      const missing = `No such asset (${call.path('asset')}) on server`
      return jsonFileAnswer(call, found(entryOf(call), missing), 'recipe', 'stored', missing)
    },
  },
  {
    path: '/assets/log/{genome}/{asset}',
    operationId: 'v3custom_Id_asset_log',
    summary: 'Build log of an asset',
    description: 'The log of the build, as Markdown.',
    query: TAG_QUERY,
    kind: 'archive',
    canRedirect: true,
    rules: ASSET_RULES,
    answer: call => {
      const [genome, asset] = [call.path('genome'), call.path('asset')]
      const tag = call.query('tag') ?? call.generation.catalogue.defaultTag(genome, asset)
      const missing = `No such asset (${genome}/${asset}:${tag}) on server`
      return logAnswer(call, found(entryOf(call), missing), 'stored', missing)
    },
  },
  {
    path: '/assets/dir_contents/{genome}/{asset}',
    operationId: 'v3custom_Id_asset_dir_contents',
    summary: 'Contents of an asset',
    description: 'Paths of the files of the asset.',
    query: TAG_QUERY,
    kind: 'json',
    schema: TEXTS,
    example: ['6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905.fa'],
    canRedirect: true,
    rules: ASSET_RULES,
    answer: call => {
      const missing = `No such asset (${call.path('asset')}) on server`
      return jsonFileAnswer(call, found(entryOf(call), missing), 'contents', 'stored', missing)
    },
  },
]

function entryOf(call: RefgenieCall): CatalogueEntry | undefined {
  return call.generation.catalogue.entry(call.path('genome'), call.path('asset'), call.query('tag'))
}

function remoteClasses(generation: VisibleGeneration): readonly string[] {
  return [...(generation.catalogue.remotes?.keys() ?? [REMOTE_CLASS])]
}

function fileAddress(call: RefgenieCall): string {
  const [genome, asset, key] = [call.path('genome'), call.path('asset'), call.path('seek_key')]
  const { catalogue } = call.generation
  const tag = call.query('tag') ?? catalogue.defaultTag(genome, asset)
  const entry = found(entryOf(call), `No such asset (${genome}/${asset}:${tag}) on server`)
  // Own keys only: `constructor` is no seek key.
  const listed = Object.hasOwn(entry.tag.seekKeys, key) ? entry.tag.seekKeys[key] : undefined
  const value = key === 'dir' ? '.' : listed
  const path = found(value, `No such seek_key (${genome}/${asset}.${key}:${tag}) on server`)
  const inFolder = path === '.' ? '' : path
  // What is controlled is read from here: a public store has no copy, and would not ask who reads it.
  const prefix = call.generation.folder.isControlled(entry)
    ? undefined
    : classPrefix(catalogue, call.query('remoteClass') ?? REMOTE_CLASS)
  const { name } = entry.tag
  if (prefix !== undefined) return `${prefix}/${entry.genome.digest}/${asset}__${name}/${inFolder}`
  const file = inFolder.split('/').map(encodeURIComponent).join('/')
  return call.absolute(
    `/${entry.genome.digest}/assets/${encodeURIComponent(asset)}/files/${file}?tag=${encodeURIComponent(name)}`,
  )
}
