/** Opens a folder that assets are pulled into. */
import { join } from 'node:path'
import { AssetTarget, type PlacingOptions } from './asset-target.ts'
import { ClientConfig } from './client-config.ts'
import { DigestLayout, FlatLayout } from './plain-layouts.ts'
import type { Layout, PullTarget } from './pull-target.ts'
import { RefgenieLayout } from './refgenie-layout.ts'
import type { TargetLayout } from './target-layout.ts'

/** Name of the config in a genome folder. */
export const CONFIG_NAME = 'genome_config.yaml'

/** A genome config, or a folder with a layout. */
export type TargetPlace =
  | { readonly config: string; readonly folder?: undefined; readonly layout?: undefined }
  | { readonly folder: string; readonly layout: Layout; readonly config?: undefined }

/** How the folder is used. */
export interface TargetOptions extends PlacingOptions {
  /** Keep archives as they are. */
  readonly archive?: boolean
  /** Servers that a new genome config is subscribed to; default: the one of the first asset. */
  readonly servers?: readonly string[]
}

/**
 * Opens a target; nothing is written before an asset is placed.
 *
 * @throws ConfigUnreadable, ConfigInvalid of a config that is given or lies in the folder
 */
export async function openTarget(
  place: TargetPlace,
  options: TargetOptions = {},
): Promise<PullTarget> {
  return new AssetTarget(await layoutOf(place, options), options)
}

async function layoutOf(place: TargetPlace, options: TargetOptions): Promise<TargetLayout> {
  const form = options.archive === true ? 'archive' : 'folder'
  if (place.config === undefined && place.layout !== 'refgenie') {
    const PlainLayout = place.layout === 'flat' ? FlatLayout : DigestLayout
    return new PlainLayout(place.folder, form)
  }
  const config =
    place.config === undefined
      ? new ClientConfig(join(place.folder, CONFIG_NAME), options.servers ?? [])
      : new ClientConfig(place.config)
  return RefgenieLayout.open(config, form, options.force === true)
}
