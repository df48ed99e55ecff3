/** Registers `lock`, `sync` and `outdated`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { LockFlags, OutdatedFlags, SyncFlags } from './lock.ts'
import { networkFlags, serverFlag } from './network-flags.ts'

const EXAMPLES = `
Examples:
  refdepot lock hg38/fasta hg38/bwa_index:default --server https://refs.example.org -f refs.lock
  refdepot lock -c genome_config.yaml > refs.lock        # of what is there
  refdepot sync refs.lock -o refs --layout refgenie      # the same files, also in years
  refdepot outdated refs.lock`

/** Registers the commands. */
export function lockCommands(program: Command, settle: Settle): void {
  const run = (work: (runs: typeof import('./lock.ts')) => Promise<number>) =>
    settle(import('./lock.ts').then(work))
  networkFlags(serverFlag(program.command('lock')))
    .description('write down the digests of assets: of those that are named, or of a folder')
    .argument('[REGISTRY_PATH...]', 'what servers have under these names now; a folder without')
    .option('-f, --file <FILE>', 'write to this file; stdout without')
    .option('-c, --config <FILE>', 'what is in the genome folder of this config ($REFGENIE)')
    .option('-o, --output <DIR>', 'what is in this folder')
    .addHelpText('after', EXAMPLES)
    .action((names: string[], flags: LockFlags) => run(({ runLock }) => runLock(names, flags)))
  networkFlags(serverFlag(program.command('sync')))
    .description('pull exactly what a lock names, by digest')
    .argument('[FILE]', 'the lock (default: refs.lock)')
    .option('-c, --config <FILE>', 'into the genome folder of this config ($REFGENIE)')
    .option('-o, --output <DIR>', 'into this folder')
    .option('--layout <LAYOUT>', 'of the folder: refgenie, flat or digest')
    .option('-j, --jobs <N>', 'connections (default: 10)')
    .option('-q, --quiet', 'only failures')
    .option('--json', 'as JSON, one event a line')
    .action((file: string | undefined, flags: SyncFlags) =>
      run(({ runSync }) => runSync(file, flags)),
    )
  networkFlags(serverFlag(program.command('outdated')))
    .description('compare a folder or a lock with what servers have now; the exit code is 0')
    .argument('[FILE]', 'a lock; a folder without')
    .option('-c, --config <FILE>', 'genome folder of this config ($REFGENIE)')
    .option('-o, --output <DIR>', 'this folder')
    .option('--all', 'list also what is as at the servers')
    .option('--json', 'as JSON, all of them')
    .action((file: string | undefined, flags: OutdatedFlags) =>
      run(({ runOutdated }) => runOutdated(file, flags)),
    )
}
