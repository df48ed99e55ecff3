/** From settings to what receives uploads. */
import type { Logger } from 'pino'
import { isServerUrl } from '../archive/open-published.ts'
import { UploadDesk } from '../archive/upload-desk.ts'
import { SettingInvalid } from '../config/config-error.ts'
import type { SettingValues } from '../config/settings.ts'
import type { AccessControl } from '../http/access/access-control.ts'
import { openWritableStore } from '../storage/open-store.ts'

/** What uploads are received with. */
export interface UploadSurroundings {
  readonly values: SettingValues
  readonly access: AccessControl
  readonly logger: Logger
  /** Has the server read what is published now. */
  readonly reload: () => Promise<unknown>
}

/** A desk that works. */
export interface RunningUploads {
  readonly desk: UploadDesk
  /** Looks for left-overs now and from time to time; one process of a server is enough. */
  keepSwept(): void
  /** Ends what is being compared, and looks for left-overs no more. */
  stop(): Promise<void>
}

const SWEEP_MS = 3600_000

/**
 * What receives uploads; undefined when the settings do not ask for it.
 *
 * @throws SettingInvalid without a store that can be written to
 */
export async function serveUploads({
  values,
  access,
  logger,
  reload,
}: UploadSurroundings): Promise<RunningUploads | undefined> {
  if (values['accept-uploads'] !== 'true') return undefined
  const { store: place, policy } = values
  if (place === '' || isServerUrl(place)) {
    throw new SettingInvalid('--accept-uploads', 'true', 'a --store that is a folder or a bucket')
  }
  // It knows the command line, which a worker has no use for.
  const { requiredBy } = await import('./archive-flags.ts')
  const endpoint = values['store-endpoint'] === '' ? undefined : values['store-endpoint']
  const onError = (error: unknown) => logger.error({ err: error }, 'an upload is tried again')
  const desk = new UploadDesk({
    place,
    ...(await openWritableStore(place, endpoint)),
    require: await requiredBy({ policy }),
    ledger: async () => (await access.state.open()).uploads,
    onPublished: async ({ createdBy, registryPath, archive, id }) => {
      logger.info({ registryPath, archive, upload: id }, 'an upload was published')
      const subject = `${registryPath} ${archive}`
      access.trail.note({ actor: createdBy, action: 'published', subject })
      await reload()
    },
    onError,
  })
  const sweep = () => {
    desk.sweep().catch(error => logger.error({ err: error }, 'left-overs of uploads stay'))
  }
  let timer: NodeJS.Timeout | undefined
  return {
    desk,
    keepSwept: () => {
      if (timer !== undefined) return
      sweep()
      timer = setInterval(sweep, SWEEP_MS)
      timer.unref()
    },
    stop: async () => {
      clearInterval(timer)
      await desk.settled()
    },
  }
}
