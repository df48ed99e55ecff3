/** The pages about releases: all of them, and one. */
import { html } from 'ghtml'
import { formatSize } from '../../domain/human-size.ts'
import type { Release, ReleaseEntry } from '../../domain/release.ts'
import type { PageSettings } from '../app-settings.ts'
import type { ReleaseEntryState } from '../release-content.ts'
import { framed } from './frame.ts'

// A table of more rows than this is no page any more; the table for programs has all of them.
const MOST_ROWS = 1000

/** Every release, the newest one first. */
export function releasesPage(settings: PageSettings, releases: readonly Release[]): string {
  const rows = releases.map(
    ({ name, created, entries, description }) => html`<tr>
<td><a href="${settings.basePath}/releases/${name}">${name}</a></td>
<td>${created.slice(0, 10)}</td>
<td class="number">${entries.length}</td>
<td>${description ?? ''}</td>
</tr>
`,
  )
  const body = html`<h1>Releases</h1>
<p class="lead">Each is a list of archives by their digests, and never changes.</p>
!${
    rows.length === 0
      ? html`<p>There are none.</p>`
      : html`<table>
<thead><tr><th>Release</th><th>Made</th><th class="number">Archives</th><th>Description</th></tr></thead>
<tbody>
!${rows}
</tbody>
</table>`
  }`
  return framed({ settings, title: 'Releases', body })
}

/** One release: a row for each archive, with what has become of it. */
export function releasePage(
  settings: PageSettings,
  release: Release,
  stateOf: (entry: ReleaseEntry) => ReleaseEntryState,
): string {
  const { name, description, created, entries } = release
  const shown = entries.slice(0, MOST_ROWS)
  const rows = shown.map(entry => {
    const { genome, asset, tag, archive } = entry
    const label = `${genome.aliases[0] ?? genome.digest}/${asset}:${tag}`
    const { available, withdrawn } = stateOf(entry)
    const state =
      withdrawn === null
        ? available
          ? ''
          : 'not served any more'
        : `withdrawn: ${withdrawn.reason}`
    const path = available
      ? html`<a href="${settings.basePath}/archives/${archive.md5}">${label}</a>`
      : html`${label}`
    return html`<tr>
<td>!${path}</td>
<td class="number">${formatSize(archive.size)}</td>
<td><code>${archive.sha256}</code></td>
<td>${state}</td>
</tr>
`
  })
  const cut = entries.length > shown.length
  const body = html`<h1>Release ${name}</h1>
<p class="lead">${description ?? 'No description'}</p>
<p>Made ${created.slice(0, 10)}, ${entries.length} ${entries.length === 1 ? 'archive' : 'archives'}. <a href="${settings.basePath}/releases/${name}?format=tsv">As a table</a></p>
<table>
<thead><tr><th>Asset</th><th class="number">Archive</th><th>sha256</th><th>State</th></tr></thead>
<tbody>
!${rows}
</tbody>
</table>
!${cut ? html`<p>The first ${shown.length} of ${entries.length}.</p>` : ''}`
  return framed({ settings, title: `Release ${name}`, body })
}
