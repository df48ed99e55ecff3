/** The pages, bound to one request: its address is part of them. */
import type { FastifyRequest } from 'fastify'
import type { AssetQuery, Page } from '../../domain/asset-search.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { type Genome, nameOf } from '../../domain/genome.ts'
import type { Release } from '../../domain/release.ts'
import type { DownloadReport } from '../../state/download-report.ts'
import { accessOf, callerOf } from '../access/caller.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import type { PageSettings, RouteParts, StatsQuery } from '../app-settings.ts'
import { stateOf } from '../release-content.ts'
import { readSideJson } from '../side-json.ts'
import { assetPage } from './asset-page.ts'
import { genomePage, genomesPage } from './genome-pages.ts'
import { assetPath } from './links.ts'
import { releasePage, releasesPage } from './release-pages.ts'
import { searchPage } from './search-page.ts'
import { statsPage } from './stats-page.ts'

/** The pages as routes ask for them; each answers whole HTML. */
export interface Pages {
  index(generation: VisibleGeneration): string
  genome(genome: Genome): string
  asset(generation: VisibleGeneration, entry: CatalogueEntry): Promise<string>
  search(query: AssetQuery, page: Page<CatalogueEntry>): string
  releases(releases: readonly Release[]): string
  release(generation: VisibleGeneration, release: Release): string
  stats(query: StatsQuery, report: DownloadReport): string
}

/** What every page of a request is made with. */
export function pageSettings(parts: RouteParts, request: FastifyRequest): PageSettings {
  const { credentials, name, rights, byLink } = callerOf(request)
  if (byLink === true) return parts.settings
  if (credentials === 'valid') {
    return { ...parts.settings, viewer: { name, isAdmin: rights.isAdmin } }
  }
  const canLogIn =
    parts.generationFor(request).restricts || accessOf(request)?.authenticator.isUsed === true
  return canLogIn ? { ...parts.settings, viewer: { isAdmin: false } } : parts.settings
}

/** The pages for one request. */
export function pagesFor(parts: RouteParts, request: FastifyRequest): Pages {
  // Asked only by a page: archives and JSON pass here too.
  const settings = () => pageSettings(parts, request)
  return {
    index: ({ catalogue }) => genomesPage(settings(), catalogue, request.hostname),
    genome: genome => genomePage(settings(), genome),
    asset: async ({ catalogue, folder }, entry) => {
      // A page without its list of files is better than no page.
      const contents = await readSideJson(folder, entry, 'contents', 'stored').catch(
        () => undefined,
      )
      return assetPage(settings(), entry, {
        contents: Array.isArray(contents) ? contents.map(String).sort() : undefined,
        downloads: parts.downloadsOf(entry),
        archiveUrl: parts.absolute(request, assetPath(entry, '/archive')),
        serverUrl: parts.absolute(request, ''),
        genomeName: digest => {
          const genome = catalogue.genome(digest)
          return genome && nameOf(genome)
        },
      })
    },
    search: (query, page) => searchPage(settings(), query, page),
    releases: releases => releasesPage(settings(), releases),
    release: (generation, release) =>
      releasePage(settings(), release, entry => stateOf(generation, entry)),
    stats: (query, report) => {
      const { catalogue } = parts.generationFor(request)
      const named = (digest: string) => {
        const genome = catalogue.genome(digest)
        return genome === undefined ? digest : nameOf(genome)
      }
      return statsPage(settings(), query, report, named)
    },
  }
}
