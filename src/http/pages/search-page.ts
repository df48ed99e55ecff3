/** The page of found assets. */
import { html } from 'ghtml'
import type { AssetQuery, Page } from '../../domain/asset-search.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'
import { assetTable } from './genome-pages.ts'

/** One page of assets, with links to the page before and after. */
export function searchPage(
  settings: PageSettings,
  query: AssetQuery,
  page: Page<CatalogueEntry>,
): string {
  const { offset, limit, total } = page
  const last = Math.min(offset + limit, total)
  const to = (start: number) => {
    const parameters = new URLSearchParams({ offset: String(start), limit: String(limit) })
    for (const name of ['q', 'genome', 'asset'] as const) {
      if (query[name] !== undefined) parameters.set(name, query[name])
    }
    return `${settings.basePath}/assets?${parameters}`
  }
  const body = html`<h1>Assets</h1>
<p class="lead">${total === 0 ? 'Nothing matches' : `${offset + 1} to ${last} of ${total}`}${query.q ? ` for “${query.q}”` : ''}</p>
!${assetTable(settings, page.items)}
<p>!${offset > 0 ? html`<a href="${to(Math.max(0, offset - limit))}" rel="prev">Previous</a> ` : ''}!${last < total ? html`<a href="${to(last)}" rel="next">Next</a>` : ''}</p>`
  return framed({ settings, title: 'Assets', body })
}
