/** The commands below `refdepot archive`: their flags and help. */
import type { Command } from 'commander'
import type { CreateFlags } from './archive-create.ts'
import { policyOption, type TargetFlags, withTarget } from './archive-flags.ts'
import type { ListFlags } from './archive-list.ts'
import type { WatchFlags } from './archive-watch.ts'

/** Runs a command and takes its exit code. */
export type Settle = (code: Promise<number>) => Promise<void>

// Loaded when they are called: a server starts without compressors and progress bars.
const making = () => import('./archive-create.ts')
const looking = () => import('./archive-list.ts')
const watching = () => import('./archive-watch.ts')

const PATHS = 'genome, genome/asset or genome/asset:tag; an alias or a digest'
const ALL = `${PATHS}; none = everything`

/** Registers `archive` with its sub-commands. */
export function archiveCommands(program: Command, settle: Settle): void {
  const archive = program
    .command('archive')
    .description('make, list, check and remove archives')
    .exitOverride()
  makingCommands(archive, settle)
  lookingCommands(archive, settle)
}

function makingCommands(archive: Command, settle: Settle): void {
  withRun(archive.command('create'))
    .description('archive what is built and not archived yet')
    .argument('[REGISTRY_PATH...]', ALL)
    .option('-f, --force', 'archive again what is archived')
    .option(
      '--genomes-desc <CSV>',
      'descriptions of genomes: lines of digest or alias, comma, text',
    )
    .addOption(policyOption())
    .action((paths: string[], flags: CreateFlags) =>
      settle(making().then(({ runCreate }) => runCreate(paths, flags))),
    )
  withRun(archive.command('import'))
    .description(
      'repack archives of refgenieserver, so that files and ranges can be served from them',
    )
    .argument('[REGISTRY_PATH...]', ALL)
    .action((paths: string[], flags: CreateFlags) =>
      settle(making().then(({ runImport }) => runImport(paths, flags))),
    )
  withTarget(archive.command('watch'))
    .description('archive each asset when its build is complete, until it is stopped')
    .argument('[REGISTRY_PATH...]', ALL)
    .option('--interval <SECONDS>', 'time between two looks', '10')
    .option('-j, --jobs <N>', 'threads (default: one for each processor)')
    .option('--json', 'events as JSON, one a line, on stdout')
    .action((paths: string[], flags: WatchFlags) =>
      settle(watching().then(({ runWatch }) => runWatch(paths, flags))),
    )
}

function lookingCommands(archive: Command, settle: Settle): void {
  withPlace(archive.command('list'))
    .description('list what is archived')
    .argument('[REGISTRY_PATH...]', ALL)
    .option('--json', 'as JSON')
    .option('--csv', 'as CSV, sizes in bytes')
    .action((paths: string[], flags: ListFlags) =>
      settle(looking().then(({ runList }) => runList(paths, flags))),
    )
  withTarget(archive.command('remove'))
    .description('take archives out of the server config; the files stay')
    .argument('<REGISTRY_PATH...>', `${PATHS}; an asset without tag means all its tags`)
    .option('--purge', 'delete the files too')
    .action((paths: string[], flags: TargetFlags) =>
      settle(looking().then(({ runRemove }) => runRemove(paths, flags))),
    )
  withPlace(archive.command('verify'))
    .description('check that archives are there and are the ones of the config')
    .argument('[REGISTRY_PATH...]', ALL)
    .option('--deep', 'read them: digests of archives, chunks, files and views')
    .option('--json', 'as JSON, one archive a line')
    .action((paths: string[], flags: TargetFlags) =>
      settle(looking().then(({ runVerify }) => runVerify(paths, flags))),
    )
}

/** A command that looks at archives, in an archive folder or in a store. */
function withPlace(command: Command): Command {
  return withTarget(command).option(
    '--store <PLACE>',
    'a published store instead of the archive folder: a folder or s3://BUCKET/PREFIX',
  )
}

/** A command that makes archives. */
function withRun(command: Command): Command {
  return withTarget(command)
    .option('--dry-run', 'say what would be done and do nothing')
    .option('-j, --jobs <N>', 'threads (default: one for each processor)')
    .option(
      '--legacy-files',
      'write alias-named archives too, for a refgenieserver that serves this folder',
    )
    .option('--json', 'events as JSON, one a line, on stdout')
}
