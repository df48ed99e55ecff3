/** Registers `push`, `rollback` and `withdraw`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { policyOption, withTarget } from './archive-flags.ts'
import type { PublishFlags } from './publish.ts'
import { withPlace } from './published-place.ts'
import type { PushFlags, RollbackFlags } from './push.ts'
import { storeOption } from './store-flags.ts'
import type { WithdrawFlags } from './withdraw.ts'

/** Registers the commands. */
export function storeCommands(program: Command, settle: Settle): void {
  withTarget(program.command('push'))
    .description('copy archives into a store, as far as they are not there, and publish them')
    .argument('[PATH...]', 'registry paths; everything that is archived without')
    .addOption(storeOption())
    .addOption(policyOption())
    .option('--new', 'only tags that are not published yet')
    .option('--json', 'as JSON, one event a line')
    .action((paths: string[], flags: PushFlags) =>
      settle(import('./push.ts').then(({ runPush }) => runPush(paths, flags))),
    )
  publishCommand(program, settle).addOption(storeOption())
  program
    .command('rollback')
    .description('serve an earlier generation of a store again')
    .exitOverride()
    .argument('[GENERATION]', 'its number; the one before without')
    .addOption(storeOption())
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

const PUBLISH_EXAMPLES = `
The token is read from $REFDEPOT_TOKEN or --token-file, never from an argument.

Examples:
  refdepot publish ./mygenome.fa.gz --as mygenome/fasta:v1 --server https://refs.example.org
  refdepot publish ./star --as mygenome/star_index:2.7.11b --genome-digest 6c5f… --store s3://bucket/refs`

function publishCommand(program: Command, settle: Settle): Command {
  return program
    .command('publish')
    .description('pack a folder or file and publish it, on a server or in a store')
    .exitOverride()
    .argument('<PATH>', 'folder with the files of an asset, or one file')
    .requiredOption('--as <GENOME/ASSET:TAG>', 'how it shall be called')
    .option('--server <URL>', 'server to publish on; it must accept uploads')
    .option('--token-file <FILE>', 'file with the token; $REFDEPOT_TOKEN without')
    .option('--through-server', 'send every byte to the server, not to its store')
    .option('--genome-digest <DIGEST>', 'digest of the genome; computed of a fasta asset')
    .option('--genome-description <TEXT>', 'what the genome is')
    .option('--description <TEXT>', 'what the tag is')
    .option('--seek-key <NAME=PATH...>', 'names for files, beside those that are known')
    .option('--licence <ID>', 'SPDX id or URL')
    .option('--redistribute <YES|NO>', 'whether it may be passed on')
    .option('--source <TEXT>', 'where it comes from')
    .option('--release <TEXT>', 'release of the source')
    .option('--accession <TEXT>', 'accession of the source')
    .option('--citation <TEXT>', 'what to cite')
    .option('--access <WHO>', 'open or controlled')
    .option('--study <NAME...>', 'studies that a controlled asset belongs to')
    .option('-j, --jobs <N>', 'threads (default: one for each processor)')
    .option('--json', 'events as JSON, one a line, on stdout')
    .addOption(policyOption())
    .addHelpText('after', PUBLISH_EXAMPLES)
    .action((path: string, flags: PublishFlags) =>
      settle(import('./publish.ts').then(({ runPublish }) => runPublish(path, flags))),
    )
}
