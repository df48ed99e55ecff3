/** The page of download counts. */
import { html } from 'ghtml'
import { formatSize } from '../../domain/human-size.ts'
import type { DownloadReport } from '../../state/download-report.ts'
import type { PageSettings, StatsQuery } from '../app-settings.ts'
import { framed } from './frame.ts'
import { relativePath } from './links.ts'

/**
 * Archives with their numbers, and links to the page before and after and to the same as CSV.
 *
 * @param nameOf - the name people know a genome by, for its digest
 */
export function statsPage(
  settings: PageSettings,
  query: StatsQuery,
  report: DownloadReport,
  nameOf: (genome: string) => string,
): string {
  const { totals, items, total, offset, limit, since, until } = report
  const last = Math.min(offset + limit, total)
  const to = (more: Readonly<Record<string, string>>) => {
    const parameters = new URLSearchParams({ offset: String(offset), limit: String(limit) })
    for (const name of ['since', 'until', 'genome', 'asset'] as const) {
      if (query[name] !== undefined) parameters.set(name, query[name])
    }
    for (const [name, value] of Object.entries(more)) parameters.set(name, value)
    return `${settings.basePath}/stats?${parameters}`
  }
  const before = String(Math.max(0, offset - limit))
  const body = html`<h1>Downloads</h1>
<p class="lead">${totals.downloads} downloads and ${formatSize(totals.bytes)} sent, of ${total} ${total === 1 ? 'archive' : 'archives'}${since === null ? '' : ` since ${since}`}${until === null ? '' : ` until ${until}`}</p>
<table>
<thead><tr><th>Asset</th><th>Archive md5</th><th class="number">Downloads</th><th class="number">Sent</th></tr></thead>
<tbody>
!${items.map(item => row(settings, item, nameOf))}
</tbody>
</table>
<p>!${offset > 0 ? html`<a href="${to({ offset: before })}" rel="prev">Previous</a> ` : ''}!${last < total ? html`<a href="${to({ offset: String(last) })}" rel="next">Next</a> ` : ''}<a href="${to({ format: 'csv' })}">By day, as CSV</a></p>`
  return framed({ settings, title: 'Downloads', body })
}

function row(
  settings: PageSettings,
  { registry_path, archive, downloads, bytes }: DownloadReport['items'][number],
  nameOf: (genome: string) => string,
): string {
  const path = registry_path ?? ''
  const shown = path.replace(/^[^/]*/, nameOf)
  return html`<tr>
<td><a href="${settings.basePath}${relativePath(path) ?? ''}">${shown}</a></td>
<td><code>${archive}</code></td>
<td class="number">${downloads}</td>
<td class="number">${formatSize(bytes)}</td>
</tr>
`
}
