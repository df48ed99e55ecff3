/** The flag that names a store, for every command that writes into one. */
import { Option } from 'commander'
import type { PushStore } from '../archive/publish-generation.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { openWritableStore } from '../storage/open-store.ts'

/** Which store. */
export interface StoreFlags {
  readonly store?: string
}

/** The flag; credentials of a bucket come from the environment, never from flags. */
export function storeOption(what = 'store to publish in'): Option {
  return new Option('--store <PLACE>', `${what}: a folder or s3://BUCKET/PREFIX`).env(
    'REFDEPOT_STORE',
  )
}

/**
 * The store that was named.
 *
 * @throws SettingInvalid when there is none, StorageFailed when the name of a bucket is none
 */
export async function storeOf({ store: place = '' }: StoreFlags): Promise<PushStore> {
  if (place === '')
    throw new SettingInvalid('--store', place, 'a store: a folder or s3://BUCKET/PREFIX')
  return { place, ...(await openWritableStore(place)) }
}
