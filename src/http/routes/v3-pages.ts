/** The pages of API v3: index, genome and asset. */
import { html } from '../answers.ts'
import { found, type RefgenieCall, type RefgenieRoute, TAG_QUERY } from '../refgenie-route.ts'

type PageRoute = Omit<RefgenieRoute, 'tag'>

const PAGE = { kind: 'html' as const, example: '<!doctype html>…' }

/** The pages that the peer has below each mount of API v3. */
export function pageRoutes(): PageRoute[] {
  return [
    ...['/', '/index'].map(
      (path): PageRoute => ({
        ...PAGE,
        path,
        operationId: 'index',
        summary: 'Start page',
        description: 'All genomes, for people.',
        canMiss: false,
        answer: call => ({ blob: html(call.pages.index(call.generation)) }),
      }),
    ),
    {
      ...PAGE,
      path: '/genomes/splash/{genome}',
      operationId: 'genome_splash_page',
      summary: 'Page of a genome',
      description: 'The assets of a genome, for people.',
      rules: { genome: { kind: 'genome' } },
      answer: call => {
        const name = call.path('genome')
        const genome = call.generation.catalogue.genome(name)
        const page = call.pages.genome(found(genome, `No such genome (${name}) on server`))
        return { blob: html(page) }
      },
    },
    {
      ...PAGE,
      path: '/assets/splash/{genome}/{asset}',
      operationId: 'asset_splash_page',
      summary: 'Page of an asset',
      description: 'Everything about one tag of an asset, for people.',
      query: TAG_QUERY,
      rules: { genome: { kind: 'genome' }, asset: { kind: 'word' }, tag: { kind: 'word' } },
      answer: assetPageAnswer,
    },
  ]
}

/** The page of the asset that path and query name; API v2 has it too. */
export async function assetPageAnswer(call: RefgenieCall) {
  const [genome, asset] = [call.path('genome'), call.path('asset')]
  const entry = call.generation.catalogue.entry(genome, asset, call.query('tag'))
  const page = await call.pages.asset(
    call.generation,
    found(entry, `No such asset (${asset}) on server`),
  )
  return { blob: html(page) }
}
