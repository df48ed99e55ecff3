/** The compose file of the replicas as programs see it. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Path of the file. */
export const COMPOSE_FILE = 'docker/compose.replicas.yaml'

/** What the tests look at of a service. */
export interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly env_file?: readonly string[]
  readonly secrets?: readonly (string | { readonly source: string })[]
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly volumes?: readonly (string | { readonly source: string; readonly read_only?: boolean })[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: unknown
  readonly stop_grace_period?: string
}

/** The whole file. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly secrets: Readonly<Record<string, { readonly file?: string }>>
}

/** Reads it, with its anchors resolved, and the default of each variable in its place. */
export async function readCompose(): Promise<ComposeFile> {
  const text = await readFile(COMPOSE_FILE, 'utf8')
  return parse(text.replace(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true })
}

/** A service of it. Throws when there is none of this name. */
export async function composeService(name: string): Promise<ComposeService> {
  const found = (await readCompose()).services[name]
  if (found === undefined) throw new Error(`${COMPOSE_FILE} has no service ${name}`)
  return found
}
