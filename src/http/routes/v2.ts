/** API v2 of refgenieserver: texts are JSON, genomes go by any alias, archives hold alias-named files. */

import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { nameOf, type Tag } from '../../domain/genome.ts'
import { Type } from '../../domain/schema.ts'
import { byCodePoint } from '../../domain/text-order.ts'
import type { Blob } from '../../storage/blob.ts'
import { html, json } from '../answers.ts'
import { defaultTagAnswer, genomesAnswer } from '../refgenie-answers.ts'
import { assetList, genomeAttributes, legacyAttributes } from '../refgenie-content.ts'
import { aliasFor, archiveAnswer, jsonFileAnswer, logAnswer } from '../refgenie-files.ts'
import { found, type RefgenieCall, type RefgenieRoute, TAG_QUERY } from '../refgenie-route.ts'
import { assetPageAnswer } from './v3-pages.ts'

type OldRoute = Omit<RefgenieRoute, 'tag'>

const TEXTS = Type.Array(Type.String())
const NAMES = ['lambda', 't7']

/** The routes of API v2. */
export function v2Routes(): RefgenieRoute[] {
  return [...sharedRoutes('v2'), ...ownRoutes].map(route => ({ ...route, tag: 'APIv2' }))
}

/** The routes of API v1. */
export function v1Routes(): RefgenieRoute[] {
  return [...sharedRoutes('v1'), v1Attributes].map(route => ({ ...route, tag: 'APIv1' }))
}

/** Routes that v1 and v2 have alike. */
function sharedRoutes(version: 'v1' | 'v2'): OldRoute[] {
  const made = (name: string, path: string) => `${name}_${version}${path.replace(/\W/g, '_')}_get`
  // v2 names its ids; v1 has those of the peer's framework.
  const id = (custom: string, name: string, path: string) =>
    version === 'v2' ? `custom_Id_${custom}` : made(name, path)
  const archivePath = '/asset/{genome}/{asset}/archive'
  const routes: OldRoute[] = [
    ...['/', '/index'].map(
      (path): OldRoute => ({
        path,
        operationId: made('index', path),
        summary: 'Start page',
        description: 'All genomes, for people.',
        kind: 'html',
        canMiss: false,
        answer: call => ({ blob: html(call.pages.index(call.generation)) }),
      }),
    ),
    {
      path: '/genomes',
      operationId: made('list_available_genomes', '/genomes'),
      summary: 'Genomes',
      description: 'First aliases of all genomes, sorted.',
      kind: 'json',
      schema: TEXTS,
      example: NAMES,
      canMiss: false,
      answer: ({ generation: { catalogue, answers } }) => ({
        blob: answers.of(catalogue, 'v2 genomes', () =>
          json(catalogue.genomes.map(nameOf).sort(byCodePoint)),
        ),
      }),
    },
    {
      path: '/assets',
      operationId: id('assets', 'list_available_assets', '/assets'),
      summary: 'Assets of all genomes',
      description: 'First alias to `asset.seek_key:tag`.',
      kind: 'json',
      schema: Type.Record(Type.String(), TEXTS),
      example: { t7: ['fasta.fai:default', 'fasta:default'] },
      canMiss: false,
      answer: ({ generation: { catalogue, answers } }) => ({
        blob: answers.of(catalogue, 'v2 assets', () => json(assetList(catalogue, nameOf, true))),
      }),
    },
    {
      path: archivePath,
      operationId: id('archive', 'download_asset', archivePath),
      summary: 'Archive of an asset',
      description: 'The archive with alias-named files, with byte ranges.',
      query: TAG_QUERY,
      kind: 'archive',
      canRedirect: true,
      answer: call => archiveAnswer(call, requested(call), 'legacy', missingAsset(call)),
    },
    {
      path: '/genomes/{asset}',
      operationId: made('list_genomes_by_asset', '/genomes/{asset}'),
      summary: 'Genomes with an asset',
      description: 'First aliases of the genomes that have an asset, sorted.',
      kind: 'json',
      schema: TEXTS,
      example: NAMES,
      canMiss: false,
      answer: call => ({ blob: genomesAnswer(call) }),
    },
  ]
  return routes.map(route => ({ ...route, path: `/${version}${route.path}` }))
}

const ownRoutes: OldRoute[] = [
  {
    path: '/v2/asset/{genome}/{asset}/splash',
    operationId: 'asset_splash_page_v2_asset__genome___asset__splash_get',
    summary: 'Page of an asset',
    description: 'Everything about one tag of an asset, for people.',
    query: TAG_QUERY,
    kind: 'html',
    answer: assetPageAnswer,
  },
  {
    path: '/v2/asset/{genome}/{asset}/default_tag',
    operationId: 'custom_Id_default_tag',
    summary: 'Default tag',
    description: 'The default tag of an asset; `default` for an unknown asset.',
    kind: 'json',
    schema: Type.String(),
    example: 'default',
    canMiss: false,
    answer: call => ({ blob: defaultTagAnswer(call, 'v2') }),
  },
  digestRoute('asset_digest', 'custom_Id_asset_digest', 'Asset digest', tag => tag.assetDigest),
  // The peer answers the digest of the v3 archive here, not of the file that v2 serves.
  digestRoute(
    'archive_digest',
    'custom_Id_asset_archive_digest',
    'Archive digest',
    tag => tag.archiveDigest,
  ),
  {
    path: '/v2/asset/{genome}/{asset}/log',
    operationId: 'custom_Id_asset_log',
    summary: 'Build log of an asset',
    description: 'The log of the build, as Markdown.',
    query: TAG_QUERY,
    kind: 'archive',
    canRedirect: true,
    answer: call => logAnswer(call, requested(call), 'legacy', missingAsset(call)),
  },
  {
    path: '/v2/asset/{genome}/{asset}/recipe',
    operationId: 'custom_Id_asset_recipe',
    summary: 'Build recipe of an asset',
    description: 'The recipe the asset was built with.',
    query: TAG_QUERY,
    kind: 'json',
    schema: Type.Unknown(),
    canRedirect: true,
    answer: call => jsonFileAnswer(call, requested(call), 'recipe', 'legacy', missingAsset(call)),
  },
  {
    path: '/v2/asset/{genome}/{asset}',
    operationId: 'custom_Id_asset_attrs',
    summary: 'Attributes of a tag',
    description: 'All attributes of a tag; names carry the alias instead of the digest.',
    query: TAG_QUERY,
    kind: 'json',
    schema: Type.Record(Type.String(), Type.Unknown()),
    answer: async call => {
      const [genome, asset] = [call.path('genome'), call.path('asset')]
      const { catalogue } = call.generation
      const tag = givenTag(call) ?? catalogue.defaultTag(genome, asset)
      const entry = catalogue.entry(genome, asset, tag)
      const known = found(entry, missingTag(genome, asset, tag))
      return { blob: await attributesAnswer(call, known, 'v2') }
    },
  },
  {
    path: '/v2/genome/{genome}/genome_digest',
    operationId: 'download_genome_digest_v2_genome__genome__genome_digest_get',
    summary: 'Digest of a genome',
    description: 'The digest an alias stands for.',
    kind: 'json',
    schema: Type.String(),
    example: '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905',
    answer: call => {
      const name = call.path('genome')
      const { catalogue } = call.generation
      const digest = catalogue.genome(name)?.digest ?? catalogue.digestOfAlias(name)
      return { blob: json(found(digest, `No such genome (${name}) on server`)) }
    },
  },
  {
    path: '/v2/genome/{genome}',
    operationId: 'custom_Id_genome_attrs',
    summary: 'Attributes of a genome',
    description: 'Description of a genome.',
    kind: 'json',
    schema: Type.Record(Type.String(), Type.String()),
    example: { genome_description: 'Bacteriophage T7 complete genome' },
    answer: call => {
      const name = call.path('genome')
      const { catalogue, answers } = call.generation
      const genome = found(catalogue.genome(name), `No such genome (${name}) on server`)
      return { blob: answers.of(genome, 'attributes', () => json(genomeAttributes(genome))) }
    },
  },
]

function digestRoute(
  name: string,
  operationId: string,
  summary: string,
  value: (tag: Tag) => string,
): OldRoute {
  return {
    path: `/v2/asset/{genome}/{asset}/{tag}/${name}`,
    operationId,
    summary,
    description: `${summary} of a tag.`,
    kind: 'json',
    schema: Type.String(),
    example: '51a58ef25e4f1d7e76f226fd5655754f',
    answer: call => {
      const [genome, asset, tag] = [call.path('genome'), call.path('asset'), call.path('tag')]
      const { catalogue, answers } = call.generation
      const entry = catalogue.entry(genome, asset, tag)
      const { tag: known } = found(entry, missingTag(genome, asset, tag))
      return { blob: answers.of(known, `v2 ${name}`, () => json(value(known))) }
    },
  }
}

/** v1 knows no tags in its attributes, and calls the path `path`; the peer always fails here. */
const v1Attributes: OldRoute = {
  path: '/v1/asset/{genome}/{asset}',
  operationId: 'download_asset_attributes_v1_asset__genome___asset__get',
  summary: 'Attributes of an asset',
  description: 'Attributes of the tag named `default`.',
  kind: 'json',
  schema: Type.Record(Type.String(), Type.Unknown()),
  answer: async call => {
    const [genome, asset] = [call.path('genome'), call.path('asset')]
    const entry = call.generation.catalogue.entry(genome, asset, 'default')
    const known = found(entry, 'No such genome, asset or tag on server')
    return { blob: await attributesAnswer(call, known, 'v1') }
  },
}

/** The attributes under the name the caller used, with the digest of the archive that name gets. */
async function attributesAnswer(
  call: RefgenieCall,
  entry: CatalogueEntry,
  version: 'v1' | 'v2',
): Promise<Blob> {
  const { folder, answers } = call.generation
  const alias = aliasFor(call, entry)
  const digest = await folder.legacyDigest(entry, alias)
  return answers.of(entry.tag, `${version} attributes ${alias} ${digest}`, () => {
    const attributes = legacyAttributes(entry.genome, entry.tag, alias, digest)
    if (version === 'v2') return json(attributes)
    const renamed = Object.entries(attributes).map(([key, value]) => [
      key === 'asset_path' ? 'path' : key,
      value,
    ])
    return json(Object.fromEntries(renamed))
  })
}

function requested(call: RefgenieCall): CatalogueEntry {
  const { catalogue } = call.generation
  const entry = catalogue.entry(call.path('genome'), call.path('asset'), givenTag(call))
  return found(entry, missingAsset(call))
}

/** An empty tag means the default tag here. */
function givenTag(call: RefgenieCall): string | undefined {
  return call.query('tag') || undefined
}

function missingAsset(call: RefgenieCall): string {
  return `No such asset (${call.path('asset')}) on server`
}

function missingTag(genome: string, asset: string, tag: string): string {
  return `No such genome/asset:tag combination (${genome}/${asset}:${tag}) on server`
}
