/** `refdepot serve --check`: what would be served, and what is wrong with the folder. */
import { Depot } from '../archive/depot.ts'
import { isReserved } from '../domain/reserved-words.ts'
import { EXIT } from './exit-codes.ts'
import { type ServeFlags, serveSettings } from './serve-settings.ts'

/** Flags of the check. */
export type CheckOptions = ServeFlags & { readonly check: true; readonly deep?: boolean }

// On a terminal or in a log, a line every few seconds tells that a long hashing goes on.
const PROGRESS_MS = 3000

/** Prints findings to stdout, one a line; answers 5 when a digest does not match, 1 when files are missing, else 0. */
export async function runCheck(flags: CheckOptions): Promise<number> {
  const { source } = await serveSettings(flags)
  const depot = await Depot.open(source)
  const { catalogue, archiveFolder, configFile, notes, access } = depot.current
  const say = (line: string) => process.stdout.write(`${line}\n`)
  say(`config          ${configFile}`)
  say(`archive folder  ${archiveFolder}`)
  say(`genomes         ${catalogue.genomes.length}`)
  say(`archives        ${catalogue.archiveCount}`)
  if (access.restricts) say(`controlled      ${access.size}`)
  for (const note of notes) say(`note            ${note}`)
  for (const { registryPath, reason } of catalogue.unlisted) {
    say(`not listed      ${registryPath} ${reason}`)
  }
  for (const genome of catalogue.genomes) {
    for (const alias of genome.aliases.filter(isReserved)) {
      say(
        `reserved name   ${alias}: native URLs reach this genome by its digest ${genome.digest} only`,
      )
    }
  }
  const report = () => {
    const { checked, total } = depot.progress
    process.stderr.write(`checked ${checked} of ${total} archive files\n`)
  }
  const timer = setInterval(report, PROGRESS_MS)
  const damages = await depot.check(flags.deep === true)
  clearInterval(timer)
  report()
  await depot.close()
  for (const { registryPath, file, problem, reason } of damages) {
    say(`${problem.padEnd(15)} ${registryPath} (${file}): ${reason}`)
  }
  say(damages.length === 0 ? 'the folder is sound' : `${damages.length} archives are not sound`)
  if (damages.length === 0) return EXIT.ok
  return damages.some(({ problem }) => problem === 'damaged') ? EXIT.digestMismatch : EXIT.failed
}
