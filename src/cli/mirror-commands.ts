/** Registers `mirror`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { MirrorFlags } from './mirror.ts'
import { networkFlags } from './network-flags.ts'

const EXAMPLES = `
Run it again whenever you like: only what is new comes over the network. Exit code 6: some archives failed; run it again.

Examples:
  refdepot mirror --from https://refs.example.org -o /srv/mirror
  refdepot serve -c /srv/mirror/genome_config.yaml`

/** Registers the command. */
export function mirrorCommand(program: Command, settle: Settle): void {
  networkFlags(program.command('mirror'))
    .description('copy what another server has into an archive folder, as far as it is new')
    .requiredOption('--from <URL>', 'refdepot or refgenieserver')
    .requiredOption('-o, --output <DIR>', 'archive folder; made when it is not there')
    .option('--genome <NAME>', 'this genome only, by alias or digest')
    .option('--asset <NAME>', 'this asset only')
    .option('--delete', 'remove what is not there any more')
    .option('--include-restricted', 'take also what must not be passed on (redistribute: no)')
    .option('-j, --jobs <N>', 'connections for an archive (default: 10)')
    .option('-q, --quiet', 'only failures')
    .option('--json', 'as JSON, one event a line')
    .addHelpText('after', EXAMPLES)
    .action((flags: MirrorFlags) =>
      settle(import('./mirror.ts').then(({ runMirror }) => runMirror(flags))),
    )
}
