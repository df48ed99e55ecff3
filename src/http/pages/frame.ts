/** The frame around every page. */
import { html } from 'ghtml'
import type { PageSettings } from '../app-settings.ts'

/** What a page is shown in. */
export interface Frame {
  readonly settings: PageSettings
  /** Title of the page. */
  readonly title: string
  /** Ready HTML. */
  readonly body: string
}

/** Links to log in and out; only where there is something to log in for. */
function access({ viewer, basePath }: PageSettings): string {
  if (viewer === undefined) return ''
  const admin = viewer.isAdmin ? html`<a href="${basePath}/admin/tokens">Tokens</a>` : ''
  const label = viewer.name === undefined ? 'Log in' : viewer.name
  return html`!${admin} <a href="${basePath}/login">${label}</a>`
}

/** A whole page: navigation, content, footer; everything it loads comes from this server. */
export function framed({ settings, title, body }: Frame): string {
  const base = settings.basePath
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${settings.title}</title>
<link rel="stylesheet" href="${base}/static/refdepot.css">
<link rel="icon" href="${base}/static/icon.svg" type="image/svg+xml">
</head>
<body>
<header>
<a class="brand" href="${base}/index"><img src="${base}/static/icon.svg" alt="" width="28" height="28">${settings.title}</a>
<nav aria-label="Main">
<a href="${base}/genomes">Genomes</a>
<a href="${base}/assets">Assets</a>
<a href="${base}/releases">Releases</a>
<a href="${base}/docs">API</a>
<a href="${base}/redoc">Reference</a>
!${access(settings)}
</nav>
<form class="search" action="${base}/assets" role="search">
<input type="search" name="q" aria-label="Search assets" placeholder="Search genomes and assets">
</form>
</header>
<main>
!${body}
</main>
<footer>refdepot ${settings.version} · <a href="${base}/openapi.json">OpenAPI document</a> · <a href="${base}/service-info">service info</a></footer>
</body>
</html>
`
}
