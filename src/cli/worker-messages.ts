/** What the primary process of a server and its workers say to each other. Nothing of it leaves the machine. */
import type { CheckProgress } from '../archive/check-progress.ts'
import type { FileDigests } from '../archive/file-digests.ts'
import type { ViewToHash } from '../archive/hashing.ts'
import type { ViewDigests } from '../archive/member-index.ts'
import type { CredentialFound } from '../http/access/credential-gate.ts'
import type { PlainSettings } from './serve-settings.ts'

/** Everything that a worker is started with. */
export interface StartOrder {
  readonly kind: 'start'
  /** Number of the worker; stands in its log lines. */
  readonly worker: number
  /** How many workers there are. */
  readonly size: number
  /** Of the primary process: another one speaks another language. */
  readonly version: string
  readonly settings: PlainSettings
  /** Signs links where there is no state to keep a key in; base64. */
  readonly passingKey: string
}

/** What the primary process asks a worker, with the answers. */
export interface WorkerQuestions {
  /** Build the server; it does not listen yet. */
  readonly start: { readonly question: StartOrder; readonly answer: Loaded }
  /** Listen; the first worker of a server tells its address and leads. */
  readonly listen: {
    readonly question: { readonly kind: 'listen'; readonly isFirst: boolean }
    readonly answer: null
  }
  /** Read the config again, and wait for the word to serve it. */
  readonly prepare: { readonly question: { readonly kind: 'prepare' }; readonly answer: Loaded }
}

/** What was read. */
export interface Loaded {
  /** State of the files it was read from; workers that read the same have the same. */
  readonly state: string
}

/** What a worker asks the primary process, with the answers. */
export interface PrimaryQuestions {
  readonly digests: {
    readonly question: { readonly kind: 'digests'; readonly path: string }
    readonly answer: FileDigests | { readonly unreadable: string }
  }
  readonly view: {
    readonly question: { readonly kind: 'view'; readonly view: ViewToHash }
    readonly answer: ViewDigests
  }
  /** May a transfer begin? Its number is the worker's own. */
  readonly begin: { readonly question: BeginQuestion; readonly answer: Admission }
  /** May a credential be checked? */
  readonly admit: { readonly question: AdmitQuestion; readonly answer: Admission }
  /** Have all workers read the config again; answered when they have. */
  readonly reload: { readonly question: { readonly kind: 'reload' }; readonly answer: null }
}

interface BeginQuestion {
  readonly kind: 'begin'
  readonly transfer: number
  readonly address: string
  readonly token?: string
  readonly bytes: number
}

interface AdmitQuestion {
  readonly kind: 'admit'
  readonly address: string
  /** Stands for the credential and tells nothing of it. */
  readonly print: string
}

/** Yes, or not yet. */
export type Admission = { readonly refused: string; readonly retryAfter: number } | null

/** What a worker tells the primary process. */
export type WorkerNews =
  /** It can be spoken to. */
  | { readonly kind: 'hello' }
  /** A transfer has ended. */
  | { readonly kind: 'end'; readonly transfer: number; readonly sent: number }
  /** The check of a credential has found something. */
  | {
      readonly kind: 'note'
      readonly address: string
      readonly print: string
      readonly found: CredentialFound
    }
  /** How far its check of the archives is. */
  | { readonly kind: 'progress'; readonly progress: CheckProgress }
  /** An archive was replaced: all must look again. */
  | { readonly kind: 'stale' }
  /** The config has changed. */
  | { readonly kind: 'changed' }

/** What the primary process tells a worker. */
export type PrimaryNews =
  /** What was prepared counts from now on. */
  | { readonly kind: 'commit' }
  /** Somebody could not read the config: what is served stays. */
  | { readonly kind: 'abort' }
  /** It watches the config, and speaks for all in the log. */
  | { readonly kind: 'lead' }
  | { readonly kind: 'check' }
  /** How far the checks of all workers are. */
  | { readonly kind: 'health'; readonly progress: CheckProgress }
  /** Another worker has taken its place: it ends when its last answer has. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'stop' }
