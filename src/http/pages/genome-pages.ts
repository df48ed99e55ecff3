/** The pages about genomes: all of them, and one. */
import { html } from 'ghtml'
import { type Catalogue, type CatalogueEntry, entriesOf } from '../../domain/catalogue.ts'
import { defaultTagOf, type Genome, nameOf } from '../../domain/genome.ts'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'
import { assetPath, genomePath } from './links.ts'

/** What an operator reads when the config holds nothing that was archived. */
export const NOTHING_ARCHIVED = 'nothing archived yet: run `refdepot archive create -c …`'

// A table of more rows than this is no page any more; the search finds the rest.
const MOST_ROWS = 500

/** The start page: every genome with its fasta asset and the number of its assets. */
export function genomesPage(settings: PageSettings, catalogue: Catalogue, host: string): string {
  const { genomes } = catalogue
  const cut = genomes.length > MOST_ROWS
  const body = html`<h1>Reference genomes on ${host}</h1>
<p class="lead">${genomes.length} genomes, ${catalogue.archiveCount} archives. Download them with refgenie, curl or anything that reads URLs.</p>
!${catalogue.archiveCount === 0 ? html`<p class="notice">${NOTHING_ARCHIVED}</p>` : ''}
<table>
<thead><tr><th>Genome</th><th>Description</th><th>fasta</th><th class="number">Assets</th><th>Digest</th></tr></thead>
<tbody>
!${genomeRows(settings, catalogue)}
</tbody>
</table>
!${cut ? html`<p>The first ${MOST_ROWS} of ${genomes.length}; the search finds the others.</p>` : ''}`
  return framed({ settings, title: 'Genomes', body })
}

/** The page of one genome: a row for each asset and tag. */
export function genomePage(settings: PageSettings, genome: Genome): string {
  const entries = [...entriesOf(genome)]
  const body = html`<h1>${nameOf(genome)}</h1>
<dl>
<dt>Description</dt><dd>${genome.description || 'NA'}</dd>
<dt>Aliases</dt><dd>${genome.aliases.join(', ') || 'NA'}</dd>
<dt>Digest</dt><dd><code>${genome.digest}</code></dd>
</dl>
<h2>Assets</h2>
!${assetTable(settings, entries)}`
  return framed({ settings, title: nameOf(genome), body })
}

/** A table with a row for each tag: links, sizes, digest. */
export function assetTable(settings: PageSettings, entries: readonly CatalogueEntry[]): string {
  return html`<table>
<thead><tr><th>Genome</th><th>Asset</th><th>Description</th><th class="number">Size</th><th class="number">Archive</th><th>Archive md5</th><th>Get</th></tr></thead>
<tbody>
!${entries.map(entry => assetRow(settings, entry))}
</tbody>
</table>`
}

// The largest page there is; its table is the same for everybody who sees the same catalogue.
const tables = new WeakMap<Catalogue, { readonly basePath: string; readonly rows: string }>()

function genomeRows(settings: PageSettings, catalogue: Catalogue): string {
  const { basePath } = settings
  const known = tables.get(catalogue)
  if (known?.basePath === basePath) return known.rows
  const shown = catalogue.genomes.slice(0, MOST_ROWS)
  const rows = shown.map(genome => genomeRow(settings, genome)).join('')
  tables.set(catalogue, { basePath, rows })
  return rows
}

function genomeRow(settings: PageSettings, genome: Genome): string {
  const fasta = genome.assets.get('fasta')
  const tag = fasta?.tags.get(fasta === undefined ? '' : defaultTagOf(fasta))
  const link =
    fasta === undefined || tag === undefined
      ? 'NA'
      : html`<a href="${settings.basePath}${assetPath({ genome, asset: fasta, tag })}">fasta:${tag.name}</a>`
  return html`<tr>
<td><a href="${settings.basePath}${genomePath(genome)}">${genome.aliases.join(', ') || genome.digest}</a></td>
<td>${genome.description || 'NA'}</td>
<td>!${link}</td>
<td class="number">${genome.assets.size}</td>
<td><code>${genome.digest}</code></td>
</tr>
`
}

function assetRow(settings: PageSettings, entry: CatalogueEntry): string {
  const { genome, asset, tag } = entry
  const at = (below: string) => settings.basePath + assetPath(entry, below)
  return html`<tr>
<td><a href="${settings.basePath}${genomePath(genome)}">${nameOf(genome)}</a></td>
<td><a href="${at('')}">${asset.name}:${tag.name}</a></td>
<td>${asset.description || 'NA'}</td>
<td class="number">${tag.assetSize}</td>
<td class="number">${tag.archiveSize}</td>
<td><code>${tag.archiveDigest}</code></td>
<td><a href="${at('/archive')}" download>archive</a> <a href="${at('/recipe')}">recipe</a></td>
</tr>
`
}
