/** From settings to the access control of a server. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import { OWN_FOLDER } from '../archive/run-folder.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { listOf, type SettingValues } from '../config/settings.ts'
import { parseDuration } from '../domain/duration.ts'
import { parseScope, SCOPE_FORMS } from '../domain/rights.ts'
import {
  type AccessControl,
  accessControl,
  type SharedAccess,
} from '../http/access/access-control.ts'
import type { HandOff } from '../http/access/hand-off.ts'
import type { SignedTokenSettings } from '../http/access/signed-token.ts'
import type { StoreRedirects } from '../http/access/store-redirect.ts'
import { LazyState } from '../state/lazy-state.ts'
import { limitsOf } from './serve-limits.ts'

const STATE_FILE = 'state.sqlite'

/** Path of the state of an archive folder, unless a setting names another one. */
export function statePath(archiveFolder: string, setting = ''): string {
  return setting === '' ? join(archiveFolder, OWN_FOLDER, STATE_FILE) : setting
}

/** What access control needs beside the settings. */
export interface AccessSurroundings {
  /** Folder of the state, unless a setting says otherwise. */
  readonly home: string
  readonly logger: Logger
  readonly redirects: StoreRedirects | undefined
  readonly handOff?: HandOff | undefined
  /** What several processes of this server hold together. */
  readonly shared?: SharedAccess
}

/**
 * The access control that the settings ask for; it opens nothing yet.
 *
 * @throws SettingInvalid
 */
export function serveAccess(
  values: SettingValues,
  { home, logger, redirects, handOff, shared }: AccessSurroundings,
): AccessControl {
  const identityProvider = identityProviderOf(values)
  return accessControl({
    state: new LazyState(statePath(home, values.state)),
    linkSecret: values['link-secret'],
    linkLifetime: parseDuration(values['link-lifetime']) as number,
    limits: limitsOf(values),
    auditAddresses: values['audit-addresses'] === 'true',
    countDownloads: values['count-downloads'] === 'true',
    onUncounted: error =>
      logger.warn({ err: error }, 'download counts cannot be written; they are kept in memory'),
    onError: error =>
      logger.error({ err: error }, 'the audit cannot be written; it is tried again'),
    ...(identityProvider && { identityProvider }),
    ...(redirects && { redirects }),
    ...(handOff && { handOff }),
    ...(shared && { shared }),
  })
}

function identityProviderOf(values: SettingValues): SignedTokenSettings | undefined {
  const issuer = values['oidc-issuer']
  if (issuer === '') return undefined
  const audience = values['oidc-audience']
  // Without it a token that was made for any other service would count here.
  if (audience === '') {
    throw new SettingInvalid('--oidc-audience', audience, 'the audience that tokens must have')
  }
  return {
    issuer,
    audience,
    claim: values['oidc-claim'],
    scopes: scopeMap(values['oidc-scopes']),
    ...(values['oidc-jwks'] !== '' && { jwks: values['oidc-jwks'] }),
  }
}

function scopeMap(text: string): Map<string, string[]> {
  const scopes = new Map<string, string[]>()
  for (const pair of listOf(text)) {
    const [value = '', scope = ''] = pair.split('=')
    if (parseScope(scope) === undefined)
      throw new SettingInvalid('--oidc-scopes', scope, SCOPE_FORMS)
    scopes.set(value, [...(scopes.get(value) ?? []), scope])
  }
  return scopes
}
