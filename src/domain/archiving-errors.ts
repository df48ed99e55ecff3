/** What can stop an asset from being archived; each names the file or tag and says what to do. */
import { RefdepotError } from './errors.ts'

/** Thrown when a folder or file cannot go into an archive: unreadable, a device, a link that leads nowhere or out. */
export class SourceRefused extends RefdepotError {
  readonly code = 'source-refused'
  readonly path: string

  constructor(path: string, reason: string) {
    super(`cannot archive ${path}: ${reason}`)
    this.path = path
  }
}

/** Thrown when a file changes while it is being archived: nothing of it is published. */
export class SourceChanged extends RefdepotError {
  readonly code = 'source-changed'
  readonly path: string

  constructor(path: string) {
    super(
      `${path} changed while it was archived; nothing was published, archive it again when it is complete`,
    )
    this.path = path
  }
}

/** Thrown when a tag is not ready to be archived: its build has not ended, or its seek keys lead nowhere. */
export class AssetIncomplete extends RefdepotError {
  readonly code = 'asset-incomplete'
  readonly registryPath: string

  constructor(registryPath: string, reason: string) {
    super(`${registryPath} is not archived: ${reason}`)
    this.registryPath = registryPath
  }
}

/** Thrown when an archive would not fit the disk. */
export class DiskFull extends RefdepotError {
  readonly code = 'disk-full'

  constructor(folder: string, need: string, free: string) {
    super(`${folder} has ${free} left, but the archive needs about ${need}; free some space`)
  }
}

/** Thrown when something cannot be published in a store; what is published stays. */
export class PushRefused extends RefdepotError {
  readonly code = 'push-refused'
  /** Registry path, or place in the store. */
  readonly subject: string

  constructor(subject: string, reason: string) {
    super(`${subject} is not published: ${reason}`)
    this.subject = subject
  }
}

/** Thrown instead of publishing an archive whose bytes are not those of its index. */
export class PushDamaged extends RefdepotError {
  readonly code = 'push-damaged'
  readonly registryPath: string

  constructor(registryPath: string, reason: string) {
    super(`${registryPath} is not published: ${reason}`)
    this.registryPath = registryPath
  }
}

/** Thrown when others publish in the same store all the time. */
export class PushConflict extends RefdepotError {
  readonly code = 'push-conflict'

  constructor(place: string) {
    super(`somebody else publishes in ${place} at this moment; the archives are there, push again`)
  }
}
