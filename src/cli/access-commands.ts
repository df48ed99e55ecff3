/** `refdepot token`, `audit` and `access`: who may see what, and who did. */
import { type Command, Option } from 'commander'
import { DEFAULT_EXPIRY } from '../state/token-form.ts'
import type { AccessFlags } from './access-listing.ts'
import type { Settle } from './archive-commands.ts'
import type { AuditFlags } from './audit.ts'
import { withState } from './state-option.ts'
import type { CreateFlags, TokenFlags } from './token.ts'

const EXAMPLES = `
Scopes: read:GENOME/ASSET:TAG and write:GENOME/ASSET:TAG (with * and ?, parts may be left out),
STUDY.READ, STUDY.WRITE, STUDY.DENY, introspect, admin

Example:
  refdepot token create --name alice --scope 'read:hg38/*' PANEL.READ --expires 30d`

/** Registers the commands. */
export function accessCommands(program: Command, settle: Settle): void {
  const token = program
    .command('token')
    .description('make, list and revoke the tokens that controlled assets are read with')
    .exitOverride()
  withState(token.command('create'))
    .description('make a token and print it, this once')
    .requiredOption('--name <NAME>', 'whose token it is')
    .requiredOption('--scope <SCOPE...>', 'what it may be used for')
    .option('--expires <SPAN>', 'how long it counts: 30d, 12h, never', DEFAULT_EXPIRY)
    .addHelpText('after', EXAMPLES)
    .action((flags: CreateFlags) =>
      settle(import('./token.ts').then(({ runCreateToken }) => runCreateToken(flags))),
    )
  withState(token.command('list'))
    .description('all tokens, the newest first')
    .option('--json', 'as JSON')
    .action((flags: TokenFlags) =>
      settle(import('./token.ts').then(({ runListTokens }) => runListTokens(flags))),
    )
  withState(token.command('show'))
    .description('one token')
    .argument('<NAME>', 'name of the token')
    .option('--json', 'as JSON')
    .action((name: string, flags: TokenFlags) =>
      settle(import('./token.ts').then(({ runShowToken }) => runShowToken(name, flags))),
    )
  withState(token.command('revoke'))
    .description('end a token at once, with its logins and links')
    .argument('<NAME>', 'name of the token')
    .action((name: string, flags: TokenFlags) =>
      settle(import('./token.ts').then(({ runRevokeToken }) => runRevokeToken(name, flags))),
    )
  withState(program.command('audit'))
    .description('who read what is controlled, who was refused, who made tokens')
    .option('--since <SPAN>', 'not older than this: 7d, 12h')
    .option('--actor <NAME>', "only of this one, as in the table ('token alice')")
    .option('--action <NAME>', 'only this: read, denied, token-created, …')
    .option('--limit <NUMBER>', 'the newest so many', '1000')
    .option('--json', 'as JSON, one row a line')
    .option('--csv', 'as CSV')
    .action((flags: AuditFlags) =>
      settle(import('./audit.ts').then(({ runAudit }) => runAudit(flags))),
    )
  withState(program.command('access'))
    .description('what is open and what is controlled, or what a token may read')
    .argument('[PATH...]', 'registry paths; everything without')
    .addOption(new Option('--policy <FILE>', 'policy beside the config').env('REFDEPOT_POLICY'))
    .option('--token <NAME>', 'what this token may read')
    .option('--json', 'as JSON')
    .action((paths: string[], flags: AccessFlags) =>
      settle(import('./access-listing.ts').then(({ runAccess }) => runAccess(paths, flags))),
    )
}
