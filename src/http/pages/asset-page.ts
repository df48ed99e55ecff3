/** The page of one tag of an asset: what it is, what is in it, how to get it. */
import { html } from 'ghtml'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { nameOf } from '../../domain/genome.ts'
import { PROVENANCE_FIELDS, type ProvenanceField, provenanceOf } from '../../domain/provenance.ts'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'
import { assetPath, genomePath, relativePath } from './links.ts'

/** What the page shows beside the entry. */
export interface AssetPageFacts {
  /** Paths of the files; undefined when the archive folder has no list of them. */
  readonly contents: readonly string[] | undefined
  /** Absolute URL of the archive. */
  readonly archiveUrl: string
  /** Absolute URL of this server. */
  readonly serverUrl: string
  /** Name of a genome given by digest. */
  readonly genomeName: (digest: string) => string | undefined
}

/** The page of one tag of an asset. */
export function assetPage(
  settings: PageSettings,
  entry: CatalogueEntry,
  facts: AssetPageFacts,
): string {
  const { genome, asset, tag } = entry
  const name = `${nameOf(genome)}/${asset.name}:${tag.name}`
  const body = html`<h1><a href="${settings.basePath}${genomePath(genome)}">${nameOf(genome)}</a>/${asset.name}:${tag.name}</h1>
<p class="lead">${asset.description || tag.description || 'No description'}</p>
!${attributes(settings, entry, facts)}
<h2>Download</h2>
!${commands(entry, facts)}
<h2>More</h2>
!${endpoints(settings, entry)}
!${contents(settings, entry, facts.contents)}`
  return framed({ settings, title: name, body })
}

function attributes(settings: PageSettings, entry: CatalogueEntry, facts: AssetPageFacts): string {
  const { tag } = entry
  const keys = Object.entries(tag.seekKeys)
  return html`<dl>
<dt>Size</dt><dd>${tag.assetSize || 'NA'} unpacked, ${tag.archiveSize} archive</dd>
<dt>Asset digest</dt><dd><code>${tag.assetDigest || 'NA'}</code></dd>
<dt>Archive md5</dt><dd><code>${tag.archiveDigest}</code></dd>
!${tag.legacyArchiveDigest === '' ? '' : html`<dt>Archive md5 (API v1, v2)</dt><dd><code>${tag.legacyArchiveDigest}</code></dd>`}
<dt>Folder</dt><dd><code>${tag.assetPath}</code></dd>
!${provenance(entry)}
<dt>Seek keys</dt><dd>!${keys.length === 0 ? 'none' : html`<ul>!${keys.map(([key, path]) => html`<li>${key}: <code>${path}</code></li>`)}</ul>`}</dd>
<dt>Parents</dt><dd>!${relatives(settings, tag.parents, facts)}</dd>
<dt>Children</dt><dd>!${relatives(settings, tag.children, facts)}</dd>
</dl>`
}

const LABELS: Readonly<Record<ProvenanceField, string>> = {
  licence: 'Licence',
  redistribute: 'Redistribution',
  source: 'Source',
  release: 'Release',
  accession: 'Accession',
  citation: 'Citation',
}

/** Rows of what is known of licence and origin. */
function provenance(entry: CatalogueEntry): string {
  const said = provenanceOf(entry)
  const rows = PROVENANCE_FIELDS.flatMap(field => {
    const value = said[field]
    return value === undefined ? [] : [html`<dt>${LABELS[field]}</dt><dd>!${linked(value)}</dd>`]
  })
  return html`!${rows}`
}

/** A text, as a link where it is a URL. */
function linked(text: string): string {
  return /^https?:\/\/\S+$/i.test(text)
    ? html`<a href="${text}" rel="nofollow">${text}</a>`
    : html`${text}`
}

function relatives(
  settings: PageSettings,
  paths: readonly string[],
  facts: AssetPageFacts,
): string {
  if (paths.length === 0) return 'none'
  const items = paths.map(path => {
    const to = relativePath(path)
    const [digest = '', rest = ''] = path.split('/')
    const shown = rest === '' ? path : `${facts.genomeName(digest) ?? digest}/${rest}`
    return to === undefined
      ? html`<li>${shown}</li>`
      : html`<li><a href="${settings.basePath}${to}">${shown}</a></li>`
  })
  return html`<ul>!${items}</ul>`
}

function commands({ genome, asset, tag }: CatalogueEntry, facts: AssetPageFacts): string {
  const path = `${nameOf(genome)}/${asset.name}:${tag.name}`
  return html`<pre>refgenie subscribe -s ${facts.serverUrl}
refgenie pull ${path}</pre>
<pre>curl -fLOJ -C - '${facts.archiveUrl}'</pre>`
}

function endpoints(settings: PageSettings, entry: CatalogueEntry): string {
  const names = ['archive', 'checksums', 'digest', 'contents', 'recipe', 'log']
  const items = names.map(
    name =>
      html`<li><a href="${settings.basePath}${assetPath(entry, `/${name}`)}">${name}</a></li>`,
  )
  return html`<ul class="inline">!${items}</ul>`
}

function contents(
  settings: PageSettings,
  entry: CatalogueEntry,
  paths: readonly string[] | undefined,
): string {
  if (paths === undefined) return ''
  const items = paths.map(path => {
    const below = `/files/${path.split('/').map(encodeURIComponent).join('/')}`
    return html`<li><a href="${settings.basePath}${assetPath(entry, below)}">${path}</a></li>`
  })
  return html`<h2>Files</h2>
<ul>!${items}</ul>`
}
