/** Where a pull writes to, as flags and environment say. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CONFIG_NAME, type TargetPlace } from '../client/open-target.ts'
import type { Layout } from '../client/pull-target.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { readGenomeConfig } from '../config/genome-config.ts'

/** Flags that name a folder of pulled assets. */
export interface PlaceFlags {
  readonly config?: string
  readonly output?: string
  readonly layout?: string
}

/** A place with what follows from it. */
export interface PulledPlace {
  readonly place: TargetPlace
  /** Folder that is written to; it need not exist. */
  readonly folder: string
  /** Servers that the genome config there is subscribed to. */
  readonly servers: readonly string[]
}

const LAYOUTS: readonly string[] = ['refgenie', 'flat', 'digest'] satisfies Layout[]

/**
 * The genome config of `-c`, or the folder of `-o` or `--layout`, else the config in `$REFGENIE`, else the present folder.
 * A folder without `--layout` is what it is: a genome folder when a genome config lies in it, else flat.
 *
 * @throws SettingInvalid; ConfigUnreadable and ConfigInvalid of a config that is there
 */
export async function placeOf(flags: PlaceFlags, env: NodeJS.ProcessEnv): Promise<PulledPlace> {
  const { config, output, layout } = flags
  if (config !== undefined && (output !== undefined || layout !== undefined)) {
    throw new SettingInvalid('--config', config, 'either -c CONFIG or -o DIR and --layout')
  }
  if (layout !== undefined && !LAYOUTS.includes(layout)) {
    throw new SettingInvalid('--layout', layout, LAYOUTS.join(', '))
  }
  const byFolder = output !== undefined || layout !== undefined
  const named = config ?? (byFolder ? '' : (env.REFGENIE ?? ''))
  if (named !== '') {
    const { genomeFolder, servers } = await readGenomeConfig(named)
    return { place: { config: resolve(named) }, folder: genomeFolder, servers }
  }
  const folder = resolve(output ?? '.')
  const own = join(folder, CONFIG_NAME)
  const isGenomeFolder = existsSync(own)
  const kind = layout ?? (isGenomeFolder ? 'refgenie' : 'flat')
  const isSubscribed = kind === 'refgenie' && isGenomeFolder
  const servers = isSubscribed ? (await readGenomeConfig(own)).servers : []
  return { place: { folder, layout: kind as Layout }, folder, servers }
}
