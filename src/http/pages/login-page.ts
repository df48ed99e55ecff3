/** The page on which a browser shows its token, and sees whose it is. */
import { html } from 'ghtml'
import type { PageSettings } from '../app-settings.ts'
import { framed } from './frame.ts'

/** What the page shows beside the form. */
export interface LoginPageFacts {
  /** Path to go on to, below the base path. */
  readonly next: string
  /** Why the last attempt failed. */
  readonly problem?: string
}

/** The page to log in, or out. */
export function loginPage(settings: PageSettings, facts: LoginPageFacts): string {
  const name = settings.viewer?.name
  const body = name === undefined ? form(settings, facts) : loggedIn(settings, name)
  return framed({ settings, title: 'Log in', body })
}

function form({ basePath }: PageSettings, { next, problem }: LoginPageFacts): string {
  return html`<h1>Log in</h1>
<p class="lead">Controlled genomes and assets are shown to those whose token allows it.</p>
!${problem === undefined ? '' : html`<p class="notice" role="alert">${problem}</p>`}
<form class="fields" method="post" action="${basePath}/login">
<input type="hidden" name="next" value="${next}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required maxlength="8192" size="60">
<button>Log in</button>
</form>`
}

function loggedIn({ basePath }: PageSettings, name: string): string {
  return html`<h1>Logged in</h1>
<p>You are logged in with <strong>${name}</strong>.</p>
<form method="post" action="${basePath}/logout"><button>Log out</button></form>`
}
