/** Where something published is changed or read: a store, or the archive folder of a config. */
import { type Command, Option } from 'commander'
import { openServerTarget } from '../archive/archive-target.ts'
import type { PushStore } from '../archive/publish-generation.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { openWritableStore } from '../storage/open-store.ts'

/** Flags that name the place. */
export interface PlaceFlags {
  readonly store?: string
  readonly config?: string
  readonly archiveFolder?: string
}

/** The place: a store with generations, or an archive folder with its server config. */
export type PublishedPlace =
  | { readonly kind: 'store'; readonly to: PushStore }
  | { readonly kind: 'folder'; readonly target: Awaited<ReturnType<typeof openServerTarget>> }

/** Gives a command the flags of {@link PlaceFlags}. */
export function withPlace(command: Command): Command {
  return command
    .exitOverride()
    .addOption(
      new Option('--store <PLACE>', 'a folder or s3://BUCKET/PREFIX [$REFDEPOT_STORE]').conflicts(
        'config',
      ),
    )
    .option('-c, --config <FILE>', 'genome config of an archive folder [$REFGENIE]')
    .addOption(
      new Option(
        '--archive-folder <DIR>',
        'archive folder; without it the one the config names',
      ).env('REFGENIE_GENOME_ARCHIVE_FOLDER'),
    )
}

/**
 * The place that was named: a flag counts before the environment, a store there before a config.
 *
 * @throws SettingInvalid when none is named; ConfigUnreadable, ConfigInvalid, StorageFailed
 */
export async function openPlace(flags: PlaceFlags): Promise<PublishedPlace> {
  const { REFDEPOT_STORE = '', REFGENIE = '' } = process.env
  const store = flags.store ?? (flags.config === undefined ? REFDEPOT_STORE : '')
  if (store !== '') {
    return { kind: 'store', to: { place: store, ...(await openWritableStore(store)) } }
  }
  const config = flags.config ?? REFGENIE
  if (config === '') {
    const allowed = 'a store (a folder or s3://BUCKET/PREFIX), or a genome config with -c FILE'
    throw new SettingInvalid('--store', '', allowed)
  }
  return { kind: 'folder', target: await openServerTarget(config, flags.archiveFolder) }
}
