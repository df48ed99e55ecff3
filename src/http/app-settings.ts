/** What the app must be told: its parts and how it is reached. */
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Depot, Generation } from '../archive/depot.ts'

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
}

/** The parts an app is made of. */
export interface AppParts {
  readonly depot: Depot
  readonly settings: AppSettings
  readonly logger: FastifyBaseLogger
}

/** What routes get: the generation that the caller of a request may see, and the address of this server. */
export interface RouteParts {
  /** Ask once a request: two calls could answer two generations. */
  readonly generationFor: (request: FastifyRequest) => Generation
  /** Absolute URL of a path of this server, as this caller reaches it. */
  readonly absolute: (request: FastifyRequest, path: string) => string
  readonly settings: AppSettings
  readonly depot: Depot
}
