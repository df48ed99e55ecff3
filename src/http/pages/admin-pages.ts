/** The pages of administrators: tokens, and the audit. */
import { html } from 'ghtml'
import { SCOPE_FORMS } from '../../domain/rights.ts'
import type { AuditRow } from '../../state/audit-store.ts'
import { stateOf, type TokenRecord } from '../../state/token-store.ts'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'

/** A token that was just made: the only time that it is shown. */
export interface ShownToken {
  readonly name: string
  readonly token: string
}

/** All tokens, with a form for a new one. */
export function tokensPage(
  settings: PageSettings,
  tokens: readonly TokenRecord[],
  shown?: ShownToken,
): string {
  const body = html`<h1>Tokens</h1>
!${shown === undefined ? '' : newToken(shown)}
<table>
<thead><tr><th>Name</th><th>Begins with</th><th>Scopes</th><th>Made</th><th>Expires</th><th>Last used</th><th>State</th></tr></thead>
<tbody>
!${tokens.map(token => tokenRow(settings, token))}
</tbody>
</table>
!${form(settings)}
<p><a href="${settings.basePath}/admin/audit">Audit</a></p>`
  return framed({ settings, title: 'Tokens', body })
}

function newToken({ name, token }: ShownToken): string {
  return html`<p class="notice" role="status">The token <strong>${name}</strong> is shown this once; keep it now:</p>
<pre id="new-token">${token}</pre>`
}

function tokenRow({ basePath }: PageSettings, token: TokenRecord): string {
  const { name, prefix, scopes, createdAt, expiresAt, lastUsedAt } = token
  const state = stateOf(token)
  const action = `${basePath}/admin/tokens/${encodeURIComponent(name)}/revoke`
  const revoke =
    state === 'revoked'
      ? ''
      : html` <form class="inline" method="post" action="${action}"><button>Revoke</button></form>`
  return html`<tr>
<td>${name}</td>
<td><code>${prefix}</code></td>
<td>!${scopes.map(scope => html`<code>${scope}</code> `)}</td>
<td>${minute(createdAt)}</td>
<td>${expiresAt === undefined ? 'never' : minute(expiresAt)}</td>
<td>${lastUsedAt === undefined ? 'never' : minute(lastUsedAt)}</td>
<td>${state}!${revoke}</td>
</tr>
`
}

function form({ basePath }: PageSettings): string {
  return html`<h2>New token</h2>
<form class="fields" method="post" action="${basePath}/admin/tokens">
<label for="name">Name</label>
<input id="name" name="name" required maxlength="100">
<label for="scopes">Scopes, one a line</label>
<textarea id="scopes" name="scopes" required rows="3" cols="40" placeholder="read:hg38/*"></textarea>
<p>${SCOPE_FORMS}</p>
<label for="expires">Expires after</label>
<input id="expires" name="expires" value="365d" maxlength="12">
<button>Make token</button>
</form>`
}

/** The newest rows of the audit. */
export function auditPage(settings: PageSettings, rows: readonly AuditRow[]): string {
  const body = html`<h1>Audit</h1>
<p class="lead">The newest ${rows.length} rows; <code>refdepot audit</code> prints them all.</p>
<table>
<thead><tr><th>Time (UTC)</th><th>Who</th><th>What</th><th>On</th><th class="number">Times</th><th>Address</th></tr></thead>
<tbody>
!${[...rows].reverse().map(auditRow)}
</tbody>
</table>`
  return framed({ settings, title: 'Audit', body })
}

function auditRow({ at, actor, action, subject, times, address }: AuditRow): string {
  return html`<tr><td>${at.toISOString().slice(0, 19).replace('T', ' ')}</td><td>${actor}</td><td>${action}</td><td>${subject}</td><td class="number">${times}</td><td>${address ?? ''}</td></tr>
`
}

function minute(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ')
}
