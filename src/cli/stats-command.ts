/** Registers `stats`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { withState } from './state-option.ts'
import type { StatsFlags } from './stats.ts'

/** Registers the command. */
export function statsCommand(program: Command, settle: Settle): void {
  withState(program.command('stats'))
    .description('how often archives were downloaded, and how many bytes were sent')
    .option('--since <DAY>', 'from this day on (UTC)')
    .option('--until <DAY>', 'up to this day, with it (UTC)')
    .option('--json', 'as JSON, with every day')
    .option('--csv', 'as CSV, one row for each archive and day')
    .action((flags: StatsFlags) =>
      settle(import('./stats.ts').then(({ runStats }) => runStats(flags))),
    )
}
