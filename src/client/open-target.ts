/** Opens a folder that assets are pulled into. */
import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PullRefused } from '../domain/transfer-errors.ts'
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
  const layout = await RefgenieLayout.open(config, form, options.force === true)
  if (place.folder !== undefined) await mustBeTheFolder(place.folder, layout, config.file)
  return layout
}

/** A config that was copied here with its folder may still name the folder it was copied from. */
async function mustBeTheFolder(folder: string, layout: TargetLayout, config: string) {
  const genomeFolder = dirname(layout.root)
  if ((await realPath(folder)) === (await realPath(genomeFolder))) return
  throw new PullRefused(
    `${config} says that its assets are in ${genomeFolder}; correct genome_folder there, or give -c ${config} when that is meant`,
  )
}

/** A path without links, as far as it is there. */
function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}
