/** Registers `path` and `verify`: what is here, without any server. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { LocalFlags } from './local-place.ts'

/** Registers the commands. */
export function localCommands(program: Command, settle: Settle): void {
  program
    .command('path')
    .description('print where a pulled asset is, or a file of it')
    .exitOverride()
    .argument('<REGISTRY_PATH>', 'genome/asset:tag; genome/asset.seek_key:tag for a file')
    .option('-c, --config <FILE>', 'genome config; $REFGENIE without -c and -o')
    .option('-o, --output <DIR>', 'folder that assets were pulled into, of any layout')
    .option('--json', 'as JSON')
    .action((path: string, flags: LocalFlags & { json?: boolean }) =>
      settle(import('./path.ts').then(({ runPath }) => runPath(path, flags))),
    )
  program
    .command('verify')
    .description('compare pulled assets with what was placed; 5 when one is damaged')
    .exitOverride()
    .argument('[DIR]', 'folder that assets were pulled into, of any layout')
    .option('-c, --config <FILE>', 'genome config; $REFGENIE without it and without DIR')
    .option('--deep', 'read every file and compare its digest')
    .option('--json', 'as JSON, one asset a line')
    .action((folder: string | undefined, flags: { config?: string; json?: boolean }) =>
      settle(import('./verify.ts').then(({ runVerifyFolder }) => runVerifyFolder(folder, flags))),
    )
}
