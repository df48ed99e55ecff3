/** From settings to what sends callers to the store. */
import { SettingInvalid } from '../config/config-error.ts'
import type { SettingValues } from '../config/settings.ts'
import type { StoreRedirects } from '../http/access/store-redirect.ts'
import { openStoreLinks } from '../storage/open-store.ts'

/**
 * What sends callers to the store; undefined when every byte passes through the server.
 *
 * @throws SettingInvalid when they should be sent to a folder that nobody can reach
 */
export async function storeRedirects(values: SettingValues): Promise<StoreRedirects | undefined> {
  const mode = values['serve-from'] as 'proxy' | StoreRedirects['mode']
  if (mode === 'proxy') return undefined
  const [publicUrl, endpoint] = [values['store-public-url'], values['store-endpoint']]
  const links = await openStoreLinks(values.store === '' ? undefined : values.store, {
    ...(publicUrl !== '' && { publicUrl }),
    ...(endpoint !== '' && { endpoint }),
  })
  if (links !== undefined) return { mode, links }
  if (mode === 'auto') return undefined
  const wanted = 'proxy for a folder, or name the URL under which it is public (--store-public-url)'
  throw new SettingInvalid('--serve-from', mode, wanted)
}
