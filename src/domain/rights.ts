/**
 * What a caller may see and do, made of scopes.
 *
 * Scopes are those of refdepot (`read:hg38/*`, `write:hg38/*`, `admin`, `introspect`) and those of the Ego service that guards
 * score (`STUDY.READ`, `STUDY.WRITE`, `STUDY.DENY`; reference: WRITE implies READ, DENY beats all).
 */
import { type PathPattern, parsePathPattern, type TagNames } from './path-pattern.ts'

/** One scope. */
export type Scope =
  | { readonly kind: 'read' | 'write'; readonly pattern: PathPattern }
  | { readonly kind: 'study'; readonly study: string; readonly level: 'READ' | 'WRITE' | 'DENY' }
  | { readonly kind: 'admin' | 'introspect' }

/** What scopes look like, for error messages. */
export const SCOPE_FORMS =
  'read:GENOME/ASSET:TAG or write:GENOME/ASSET:TAG (with * and ?), STUDY.READ, STUDY.WRITE, STUDY.DENY, introspect or admin'

/** Name of a study in scopes and policies. */
export const STUDY_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/

/** Reads a scope; undefined when the text is none. */
export function parseScope(text: string): Scope | undefined {
  if (text === 'admin' || text === 'introspect') return { kind: text }
  const [, kind, rest] = /^(read|write):(.*)$/s.exec(text) ?? []
  if (kind !== undefined) {
    const pattern = parsePathPattern(rest as string)
    return pattern && { kind: kind as 'read' | 'write', pattern }
  }
  const [, study, level] = /^(.+)\.(READ|WRITE|DENY)$/s.exec(text) ?? []
  if (study === undefined || !STUDY_NAME.test(study)) return undefined
  return { kind: 'study', study, level: level as 'READ' | 'WRITE' | 'DENY' }
}

/** The scopes of a caller, ready to be asked. */
export class Rights {
  /** Equal for callers with the same scopes: what is made for one can be given to the other. */
  readonly key: string
  readonly #scopes: readonly Scope[]

  /** @param scopes - texts; what is no scope gives no right */
  constructor(scopes: readonly string[]) {
    const known = [...new Set(scopes)].filter(text => parseScope(text) !== undefined).sort()
    this.key = known.join(' ')
    this.#scopes = known.map(text => parseScope(text) as Scope)
  }

  /** True when the caller may administer tokens and read the audit. */
  get isAdmin(): boolean {
    return this.#scopes.some(({ kind }) => kind === 'admin')
  }

  /** True when the caller may ask what the tokens of others are worth. */
  get mayIntrospect(): boolean {
    return this.isAdmin || this.#scopes.some(({ kind }) => kind === 'introspect')
  }

  /**
   * True when the caller may see a controlled tag.
   *
   * @param studies - the studies that the tag belongs to
   */
  mayRead(names: TagNames, studies: readonly string[]): boolean {
    if (this.#scopes.length === 0 || this.#isDenied(studies)) return false
    return this.#scopes.some(scope => {
      if (scope.kind === 'admin') return true
      if (scope.kind === 'study') return studies.includes(scope.study)
      return 'pattern' in scope && scope.pattern.matches(names)
    })
  }

  /**
   * True when the caller may publish a tag.
   *
   * @param studies - the studies that the tag is to belong to: each of them must be the caller's to write
   */
  mayWrite(names: TagNames, studies: readonly string[]): boolean {
    if (this.#isDenied(studies)) return false
    if (this.isAdmin) return true
    const covers = this.#scopes.some(
      scope => scope.kind === 'write' && scope.pattern.matches(names),
    )
    const writable = (study: string) =>
      this.#scopes.some(
        scope => scope.kind === 'study' && scope.level === 'WRITE' && scope.study === study,
      )
    return covers || (studies.length > 0 && studies.every(writable))
  }

  /** True when the caller may publish anything at all. */
  get mayWriteSome(): boolean {
    return this.#scopes.some(
      scope =>
        scope.kind === 'admin' ||
        scope.kind === 'write' ||
        (scope.kind === 'study' && scope.level === 'WRITE'),
    )
  }

  #isDenied(studies: readonly string[]): boolean {
    return this.#scopes.some(
      scope => scope.kind === 'study' && scope.level === 'DENY' && studies.includes(scope.study),
    )
  }
}

/** A caller without any credentials that count. */
export const NO_RIGHTS = new Rights([])
