/** What the app must be told: its parts and how it is reached. */
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Depot } from '../archive/depot.ts'
import type { UploadDesk } from '../archive/upload-desk.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import type { DownloadReport, ReportQuery } from '../state/download-report.ts'
import type { AccessControl } from './access/access-control.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import type { HealthSource, VisibleHealth } from './access/visible-health.ts'

/** How the server is reached and what it says of itself. */
export interface AppSettings {
  /** Version of refdepot. */
  readonly version: string
  /** URL that clients reach this server by; undefined = what the Host header says. */
  readonly publicUrl?: string
  /** Path that stands before every route, such as `/refdepot`; empty for none. */
  readonly basePath: string
  /** Addresses of proxies whose `X-Forwarded-*` headers are believed. */
  readonly trustProxy: readonly string[]
  /** Name shown on the pages and in `/service-info`. */
  readonly title: string
  /** Who may keep manifests here; `token` without it. */
  readonly manifests?: ManifestPolicy
}

/** Who may keep manifests: tokens that may write, everybody, nobody. */
export type ManifestPolicy = 'token' | 'open' | 'off'

/** Who looks at a page, as far as the page shows it. */
interface Viewer {
  /** Undefined for somebody who has not logged in. */
  readonly name?: string
  readonly isAdmin: boolean
}

/** What pages are made with. */
export interface PageSettings extends AppSettings {
  /** Undefined on a server where nobody can log in. */
  readonly viewer?: Viewer
}

/** Which download counts somebody asks for. */
export interface StatsQuery extends ReportQuery {
  /** Alias or digest of a genome. */
  readonly genome?: string
  /** Name of an asset. */
  readonly asset?: string
}

/** The parts an app is made of. */
export interface AppParts {
  readonly depot: Depot
  /** Decides who may see what. */
  readonly access: AccessControl
  /** Receives archives; undefined on a server that takes none. */
  readonly uploads?: UploadDesk
  readonly settings: AppSettings
  readonly logger: FastifyBaseLogger
  /** Whose findings `/readyz` tells; those of the depot without it. */
  readonly health?: HealthSource
  /** Waited for when a stop was asked for, before connections without work are closed. Answers say already that their connection ends. */
  readonly beforeStop?: () => Promise<void>
  /** Told of every route, for those who must know them all. */
  readonly onRoute?: (method: string, url: string) => void
}

/**
 * What routes get: the generation that the caller of a request may see, and the address of this server.
 *
 * There is no way from here to anything unfiltered (test/http/access-types.test.ts): a face that is added later obeys by itself.
 */
export interface RouteParts {
  /** Ask once a request: two calls could answer two generations. */
  readonly generationFor: (request: FastifyRequest) => VisibleGeneration
  /** Absolute URL of a path of this server, as this caller reaches it. */
  readonly absolute: (request: FastifyRequest, path: string) => string
  readonly settings: AppSettings
  /** Findings about the archive folder that the caller of a request may know. */
  readonly healthFor: (request: FastifyRequest) => VisibleHealth
  /** How often the archive of a tag was downloaded; null when nobody has counted. */
  readonly downloadsOf: (entry: CatalogueEntry) => number | null
  /** Download counts of what the caller of a request may see. */
  readonly downloadReport: (request: FastifyRequest, query: StatsQuery) => Promise<DownloadReport>
}
