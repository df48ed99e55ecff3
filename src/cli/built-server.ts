/** From settings to a server that is ready to listen: the same parts for one process and for each of several workers. */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Depot, type DepotSource } from '../archive/depot.ts'
import type { Hashing } from '../archive/hashing.ts'
import { listOf, type SettingValues } from '../config/settings.ts'
import type { AccessControl, SharedAccess } from '../http/access/access-control.ts'
import type { HealthSource } from '../http/access/visible-health.ts'
import { buildApp } from '../http/app.ts'
import type { ManifestPolicy } from '../http/app-settings.ts'
import type { LazyState } from '../state/lazy-state.ts'
import { serveAccess } from './serve-access.ts'
import { serveHandOff } from './serve-sendfile.ts'
import type { ServeSettings } from './serve-settings.ts'
import { storeRedirects } from './serve-store.ts'
import { type RunningUploads, serveUploads } from './serve-uploads.ts'
import { packageVersion } from './version.ts'

// Connections that wait to be accepted: a cluster that asks at once must not be sent away for a second (Node's own limit is 511).
const BACKLOG = 4096

/** What a worker does not do by itself. */
export interface SharedParts {
  readonly hashing: Hashing
  readonly access: SharedAccess
  /** Findings of all workers together. */
  readonly health: (depot: Depot) => HealthSource
  /** Has all workers read the config again. */
  readonly reload: () => Promise<unknown>
  /** See `AppParts.beforeStop`. */
  readonly beforeStop: () => Promise<void>
}

/** A server that does not listen yet. */
export interface BuiltServer {
  readonly app: FastifyInstance
  readonly depot: Depot
  readonly access: AccessControl
  readonly uploads: RunningUploads | undefined
  /** Stops it in good order: answers that run go on to their end. */
  close(): Promise<void>
}

/**
 * Builds a server.
 *
 * @param shared - what several processes do together; undefined for a server of one process
 * @throws what {@link Depot.open} throws, SettingInvalid, StateUnavailable
 */
export async function builtServer(
  { values, source }: ServeSettings,
  logger: Logger,
  shared?: SharedParts,
): Promise<BuiltServer> {
  const depot = await Depot.open(source, shared?.hashing)
  const redirects = await storeRedirects(values)
  const sendfile = await serveHandOff(values, depot.current.store, logger)
  const { handOff } = sendfile
  const home = stateHome(source, depot)
  const access = serveAccess(values, {
    home,
    logger,
    redirects,
    handOff,
    ...(shared && { shared: shared.access }),
  })
  // Who is refused goes into the audit: a server that could not write it must not begin to serve what is controlled.
  if (depot.current.access.restricts) await openAtStart(access.state, logger)
  const reload = shared?.reload ?? (() => depot.reload())
  const uploads = await serveUploads({ values, access, logger, reload })
  const app = await buildApp({
    depot,
    access,
    ...(uploads && { uploads: uploads.desk }),
    ...(shared && { health: shared.health(depot), beforeStop: shared.beforeStop }),
    logger,
    settings: appSettings(values),
  })
  const close = async () => {
    await app.close()
    await uploads?.stop()
    sendfile.stop()
    await access.close()
    await depot.close()
  }
  return { app, depot, access, uploads, close }
}

/**
 * Listens as the settings say; answers the address.
 *
 * @throws Error that says what to do when the port cannot be had
 */
export async function listen(app: FastifyInstance, values: SettingValues): Promise<string> {
  try {
    return await (values.socket === ''
      ? app.listen({ port: Number(values.port), host: values.host, backlog: BACKLOG })
      : app.listen({ path: values.socket, backlog: BACKLOG }))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const at = values.socket === '' ? `port ${values.port}` : values.socket
    if (code === 'EACCES') throw new Error(`no permission to listen on ${at}; try -p 8080`)
    if (code === 'EADDRINUSE') throw new Error(`${at} is in use; give another one with -p`)
    throw error
  }
}

function appSettings(values: SettingValues) {
  return {
    version: packageVersion(),
    basePath: values['base-path'],
    trustProxy: listOf(values['trust-proxy']),
    title: values.title,
    manifests: values.manifests as ManifestPolicy,
    ...(values['public-url'] !== '' && { publicUrl: values['public-url'] }),
  }
}

/** Where the state lies unless a setting says so: a store is no place for a database. */
function stateHome({ store }: DepotSource, { current }: Depot): string {
  return store === undefined ? current.archiveFolder : '.'
}

/** A database that is down for a while stops nobody: without it nothing controlled is shown, and open assets go on. */
async function openAtStart(state: LazyState, logger: Logger): Promise<void> {
  try {
    await state.open()
  } catch (error) {
    if (!state.isShared) throw error
    logger.error({ err: error }, 'the database cannot be reached; only open assets are served')
  }
}
