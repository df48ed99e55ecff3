/** What can go wrong with what is published: tags that stay, tags that were withdrawn, releases. */
import { RefdepotError } from './errors.ts'
import type { ProvenanceField } from './provenance.ts'

/** Thrown when a published tag would get another archive. */
export class TagImmutable extends RefdepotError {
  readonly code = 'tag-immutable'
  readonly registryPath: string

  constructor(registryPath: string, published: string, offered: string) {
    super(
      `${registryPath} is published with the archive ${published} and stays so; the archive ${offered} has other files: publish it under a new tag, and withdraw the old one if it must go (\`refdepot withdraw\`)`,
    )
    this.registryPath = registryPath
  }
}

/** Thrown when something withdrawn is asked for. */
export class TagWithdrawn extends RefdepotError {
  readonly code = 'withdrawn'
  readonly registryPath: string
  readonly reason: string
  /** Registry path of what took its place, where the caller may know it. */
  readonly successor: string | undefined

  constructor(registryPath: string, reason: string, successor?: string) {
    const instead = successor === undefined ? '' : `; use ${successor} instead`
    super(`${registryPath} was withdrawn: ${reason}${instead}`)
    this.registryPath = registryPath
    this.reason = reason
    this.successor = successor
  }
}

/** Thrown when a withdrawal cannot be made or undone. */
export class WithdrawalRefused extends RefdepotError {
  readonly code = 'withdrawal-refused'
  readonly registryPath: string

  constructor(registryPath: string, reason: string) {
    super(`${registryPath}: ${reason}`)
    this.registryPath = registryPath
  }
}

/** Thrown when a policy demands what a tag does not say. */
export class ProvenanceMissing extends RefdepotError {
  readonly code = 'provenance-missing'
  readonly registryPath: string

  constructor(registryPath: string, fields: readonly ProvenanceField[]) {
    super(
      `${registryPath} does not say ${fields.join(', ')}, which the policy requires; add it to the tag, its asset or its genome in the genome config`,
    )
    this.registryPath = registryPath
  }
}

/** Thrown when a release cannot be made. */
export class ReleaseRefused extends RefdepotError {
  readonly code = 'release-refused'
  /** Name of the release. */
  readonly release: string

  constructor(release: string, reason: string) {
    super(`the release '${release}' is not made: ${reason}`)
    this.release = release
  }
}
