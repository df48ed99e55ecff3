/** The layouts without a config: names that people can read, and digests. */
import { dirname, join, resolve } from 'node:path'
import { mustBeWritable } from './must-be-writable.ts'
import { askedGenome } from './plain-names.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { Form, Standing, TargetLayout } from './target-layout.ts'

/** Behind the name of an archive that is kept as it is. */
export const ARCHIVE_SUFFIX = '.tgz'

abstract class PlainLayout implements TargetLayout {
  readonly root: string
  readonly form: Form

  constructor(folder: string, form: Form) {
    this.root = resolve(folder)
    this.form = form
  }

  abstract placeOf(asset: RemoteAsset): string

  // By the alias that is asked for, or the digest of an archive.
  placeOfRelative(): undefined {}

  async judge(_asset: RemoteAsset, seen: Standing): Promise<Standing> {
    return seen
  }

  mustAccept(asset: RemoteAsset): Promise<void> {
    return mustBeWritable(dirname(join(this.root, this.placeOf(asset))))
  }

  // A record is all there is.
  async settle(): Promise<void> {}

  protected suffix(): string {
    return this.form === 'archive' ? ARCHIVE_SUFFIX : ''
  }
}

/** `<genome as it was asked for>/<asset>`, with `__<tag>` behind it for every tag but `default`. */
export class FlatLayout extends PlainLayout {
  placeOf(asset: RemoteAsset): string {
    const tag = asset.tag === 'default' ? '' : `__${asset.tag}`
    return `${askedGenome(asset)}/${asset.asset.name}${tag}${this.suffix()}`
  }
}

/** `<md5 of the archive>`. */
export class DigestLayout extends PlainLayout {
  placeOf(asset: RemoteAsset): string {
    return `${asset.archive.md5}${this.suffix()}`
  }
}
