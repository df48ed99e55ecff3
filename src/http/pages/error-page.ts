/** The page of an error. */
import { STATUS_CODES } from 'node:http'
import { html } from 'ghtml'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'

/** The page that a browser gets for an error. */
export function errorPage(settings: PageSettings, status: number, detail: string): string {
  const title = STATUS_CODES[status] ?? 'Error'
  const body = html`<h1>${title}</h1>
<p>${detail}</p>
<p><a href="${settings.basePath}/index">All genomes</a></p>`
  return framed({ settings, title, body })
}
