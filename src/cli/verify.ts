/** `refdepot verify`: is what was pulled still what was pulled. */
import { resolve } from 'node:path'
import { type LocalAsset, type LocalPlace, listLocal } from '../client/local-assets.ts'
import { type VerifiedAsset, verifyLocal } from '../client/verify-local.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { formatSize } from '../domain/human-size.ts'
import { EXIT } from './exit-codes.ts'
import { localPlaceOf } from './local-place.ts'

/** Flags of the command. */
export interface VerifyFlags {
  readonly config?: string
  readonly deep?: boolean
  readonly json?: boolean
}

// On a terminal or in a log, a line every few seconds tells that a long reading goes on.
const PROGRESS_MS = 3000

/** Prints one line an asset and problem; 5 when one is damaged, 1 when something is missing, 3 when nothing is there to compare. */
export async function runVerifyFolder(
  folder: string | undefined,
  { config, deep = false, json = false }: VerifyFlags,
): Promise<number> {
  const assets = await assetsIn(
    localPlaceOf({
      ...(folder !== undefined && { output: folder }),
      ...(config !== undefined && { config }),
    }),
  )
  const progress = new Progress(assets.length)
  const kinds = new Set<string>()
  try {
    for (const asset of assets) {
      const verified = await verifyLocal(asset, { deep, onBytes: progress.read })
      progress.done += 1
      for (const { kind } of verified.problems) kinds.add(kind)
      process.stdout.write(json ? `${jsonOf(verified)}\n` : textOf(verified))
    }
  } finally {
    progress.end()
  }
  if (kinds.size === 0) return EXIT.ok
  process.stderr.write(
    'pull again what is missing or has another size; what has other bytes with --force\n',
  )
  return kinds.has('damaged') ? EXIT.digestMismatch : EXIT.failed
}

async function assetsIn(place: LocalPlace): Promise<LocalAsset[]> {
  const assets = await listLocal(place)
  if (assets.length > 0) return assets
  const where = resolve(place.config ?? place.folder ?? '.')
  throw new NotInCatalogue('unknown-asset', where, `${where} has no pulled assets to verify`)
}

/** Tells on stderr how far it is. */
class Progress {
  done = 0
  #bytes = 0
  readonly #total: number
  readonly #timer: NodeJS.Timeout

  constructor(total: number) {
    this.#total = total
    this.#timer = setInterval(() => this.#tell(), PROGRESS_MS)
  }

  readonly read = (bytes: number): void => {
    this.#bytes += bytes
  }

  end(): void {
    clearInterval(this.#timer)
    this.#tell()
  }

  #tell(): void {
    process.stderr.write(
      `verified ${this.done} of ${this.#total} assets, ${formatSize(this.#bytes)} read\n`,
    )
  }
}

function jsonOf({ registryPath, ...rest }: VerifiedAsset): string {
  return JSON.stringify({ registry_path: registryPath, ...rest })
}

function textOf({ registryPath, path, comparison, problems }: VerifiedAsset): string {
  if (problems.length === 0) return `${'sound'.padEnd(8)} ${registryPath} (${comparison})\n`
  return problems
    .map(problem => {
      const file = problem.path === '' ? path : `${path}/${problem.path}`
      return `${problem.kind.padEnd(8)} ${registryPath}: ${file} ${problem.message}\n`
    })
    .join('')
}
