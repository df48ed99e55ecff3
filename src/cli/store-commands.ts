/** Registers `push`, `rollback` and `withdraw`. */
import { type Command, Option } from 'commander'
import type { Settle } from './archive-commands.ts'
import { policyOption, withTarget } from './archive-flags.ts'
import { withPlace } from './published-place.ts'
import type { PushFlags, RollbackFlags } from './push.ts'
import type { WithdrawFlags } from './withdraw.ts'

/** Registers the commands. */
export function storeCommands(program: Command, settle: Settle): void {
  const store = () =>
    new Option('--store <PLACE>', 'store to publish in: a folder or s3://BUCKET/PREFIX').env(
      'REFDEPOT_STORE',
    )
  withTarget(program.command('push'))
    .description('copy archives into a store, as far as they are not there, and publish them')
    .argument('[PATH...]', 'registry paths; everything that is archived without')
    .addOption(store())
    .addOption(policyOption())
    .option('--json', 'as JSON, one event a line')
    .action((paths: string[], flags: PushFlags) =>
      settle(import('./push.ts').then(({ runPush }) => runPush(paths, flags))),
    )
  program
    .command('rollback')
    .description('serve an earlier generation of a store again')
    .exitOverride()
    .argument('[GENERATION]', 'its number; the one before without')
    .addOption(store())
    .option('--include-withdrawn', 'bring back what was withdrawn since')
    .action((generation: string | undefined, flags: RollbackFlags) =>
      settle(import('./push.ts').then(({ runRollback }) => runRollback(generation, flags))),
    )
  withPlace(program.command('withdraw'))
    .description(
      'take a tag out of what is served; its name and digests go on to say why it is gone',
    )
    .argument('<REGISTRY_PATH>', 'genome/asset:tag; the genome by alias or digest')
    .option('--reason <TEXT>', 'why; everybody who asks for the tag reads it')
    .option('--successor <REGISTRY_PATH>', 'tag that takes its place')
    .option('--undo', 'serve it again')
    .action((path: string, flags: WithdrawFlags) =>
      settle(import('./withdraw.ts').then(({ runWithdraw }) => runWithdraw(path, flags))),
    )
}
