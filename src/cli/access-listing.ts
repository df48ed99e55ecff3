/** `refdepot access`: what is open and what is controlled, after all configs and the policy. */
import { selectTags } from '../archive/archive-target.ts'
import { findServerConfig } from '../archive/server-config.ts'
import { readPolicy } from '../config/policy.ts'
import { AccessTable } from '../domain/access.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'
import { Rights } from '../domain/rights.ts'
import { stateOf } from '../state/token-store.ts'
import { configOf } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'
import { serveSettings } from './serve-settings.ts'
import { type StateFlags, withState } from './state-flags.ts'
import { tableText } from './table.ts'

/** Flags of `access`. */
export interface AccessFlags extends StateFlags {
  readonly policy?: string
  readonly token?: string
  readonly json?: boolean
}

const COLUMNS = ['Asset', 'Access', 'Studies', 'Readable']

/** Prints a row for each tag. */
export async function runAccess(paths: readonly string[], flags: AccessFlags): Promise<number> {
  const { source } = await serveSettings({ ...flags })
  const { config, marks } = await findServerConfig(configOf(flags), source.archiveFolder)
  const policy = source.policy === undefined ? undefined : await readPolicy(source.policy)
  if (policy !== undefined) process.stderr.write(`policy ${policy.file}\n`)
  const table = new AccessTable(config.genomes, { configs: marks, ...(policy && { policy }) })
  const rights = await rightsOf(flags)
  const rows = selectTags(config.genomes, paths).map(entry => rowOf(entry, table, rights))
  for (const note of policy?.strayNames(config.genomes) ?? []) process.stderr.write(`${note}\n`)
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify(rows, null, 2)}\n`
      : tableText(
          COLUMNS,
          rows.map(({ asset, access, studies, readable }) => [
            asset,
            access,
            studies.join(' '),
            readable ? 'yes' : 'no',
          ]),
        ),
  )
  return EXIT.ok
}

/** Rights of the token that was named; of nobody without one. */
async function rightsOf(flags: AccessFlags): Promise<Rights> {
  const { token } = flags
  if (token === undefined) return new Rights([])
  const record = await withState(flags, state => state.tokens.named(token))
  return new Rights(stateOf(record) === 'valid' ? record.scopes : [])
}

function rowOf(entry: CatalogueEntry, table: AccessTable, rights: Rights) {
  const { genome, asset, tag } = entry
  const studies = table.studiesOf(entry)
  return {
    asset: `${nameOf(genome)}/${asset.name}:${tag.name}`,
    registry_path: registryPathOf(entry),
    access: studies === undefined ? 'open' : 'controlled',
    studies: studies ?? [],
    readable: table.mayRead(rights, entry),
  }
}
