/** Starts the app over an archive folder, in memory or on a port; teardown is registered. */
import { PassThrough } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Test } from 'tap'
import { Depot, type DepotSource } from '../../src/archive/depot.ts'
import {
  type AccessControl,
  type AccessOptions,
  accessControl,
} from '../../src/http/access/access-control.ts'
import { buildApp } from '../../src/http/app.ts'
import type { AppParts, AppSettings } from '../../src/http/app-settings.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { EXAMPLE } from './example-folder.ts'

/** A running app with what a test may want to look at. */
export interface StartedApp {
  readonly app: FastifyInstance
  readonly depot: Depot
  readonly access: AccessControl
  /** Lines of the log so far, parsed. */
  readonly log: Record<string, unknown>[]
  /** Listens on a free port of the loopback and answers the URL. */
  listen(): Promise<string>
}

/** How the app is put together, beside its settings. */
export type StartOptions = Partial<AccessOptions> & Pick<AppParts, 'onRoute' | 'beforeStop'>

/** Starts the app; without a source it serves the example folder, without `access` there is no state. */
export async function startApp(
  t: Test,
  source: Partial<DepotSource> = {},
  settings: Partial<AppSettings> = {},
  access: StartOptions = {},
): Promise<StartedApp> {
  const depot = await Depot.open({
    config: `${EXAMPLE}/genome_config.yaml`,
    archiveFolder: EXAMPLE,
    ...source,
  })
  const log: Record<string, unknown>[] = []
  const sink = new PassThrough()
  sink.on('data', chunk => {
    for (const line of String(chunk).trim().split('\n')) log.push(JSON.parse(line))
  })
  const control = accessControl({
    state: new LazyState('/nowhere/state.sqlite'),
    onError: () => {},
    ...access,
  })
  // What is read at the start is read before the test begins: nothing opens a state while its folder is being removed.
  await control.counts.refresh()
  const app = await buildApp({
    depot,
    access: control,
    ...(access.onRoute && { onRoute: access.onRoute }),
    ...(access.beforeStop && { beforeStop: access.beforeStop }),
    logger: pino({ level: 'info' }, sink),
    settings: {
      version: '0.0.0-test',
      basePath: '',
      trustProxy: [],
      title: 'refdepot',
      ...settings,
    },
  })
  t.teardown(async () => {
    await app.close()
    await control.close()
    await depot.close()
  })
  const listen = () => app.listen({ port: 0, host: '127.0.0.1' })
  return { app, depot, access: control, log, listen }
}
