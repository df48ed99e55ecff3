/** The app over a folder with controlled assets, with tokens of every kind. */
import type { InjectOptions } from 'fastify'
import type { Test } from 'tap'
import type { AppSettings } from '../../src/http/app-settings.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { type Callers, makeCallers } from './callers.ts'
import { controlledFolder } from './controlled-folder.ts'
import { type StartOptions, startApp } from './start-app.ts'

/** Starts the app. */
export async function controlledApp(
  t: Test,
  access: StartOptions = {},
  settings: Partial<AppSettings> = {},
) {
  const folder = await controlledFolder(t)
  const callers = await makeCallers(folder.state)
  const { config, archiveFolder, policy } = folder
  const state = new LazyState(folder.state)
  const started = await startApp(t, { config, archiveFolder, policy }, settings, {
    state,
    ...access,
  })
  const get = (url: string, caller: keyof Callers = 'none', more: InjectOptions = {}) =>
    started.app.inject({ url, ...more, headers: { ...bearer(callers[caller]), ...more.headers } })
  /** Rows of the audit, once they are written. */
  const audit = async () => {
    await started.access.trail.flush()
    return (await state.open()).audit.find({ limit: 1000 })
  }
  return { ...started, folder, callers, state, get, audit }
}

/** The header of a token; none without one. */
export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** The header of a token as htslib, wget and rclone send it. */
export function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
