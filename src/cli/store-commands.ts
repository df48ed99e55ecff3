/** Registers `push` and `rollback`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { withTarget } from './archive-flags.ts'
import type { PushFlags } from './push.ts'
import { storeOption } from './store-flags.ts'

/** Registers the commands. */
export function storeCommands(program: Command, settle: Settle): void {
  withTarget(program.command('push'))
    .description('copy archives into a store, as far as they are not there, and publish them')
    .argument('[PATH...]', 'registry paths; everything that is archived without')
    .addOption(storeOption())
    .option('--json', 'as JSON, one event a line')
    .action((paths: string[], flags: PushFlags) =>
      settle(import('./push.ts').then(({ runPush }) => runPush(paths, flags))),
    )
  program
    .command('rollback')
    .description('serve an earlier generation of a store again')
    .exitOverride()
    .argument('[GENERATION]', 'its number; the one before without')
    .addOption(storeOption())
    .action((generation: string | undefined, flags: PushFlags) =>
      settle(import('./push.ts').then(({ runRollback }) => runRollback(generation, flags))),
    )
}
