/** The command line: its commands, flags and help. */
import { Command, CommanderError, Option } from 'commander'
import { SETTINGS } from '../config/settings.ts'
import type { CheckOptions } from './check.ts'
import type { CommandNode } from './command-tree.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { GROUPS } from './help-groups.ts'
import { packageVersion } from './version.ts'

/** What the command line is run with. */
export interface ProgramOptions {
  /** Name it was called by. */
  readonly name: string
  /** Default port; the peer's is 80. */
  readonly port?: string
}

/** Runs a command line and answers the exit code; a server that keeps running answers when it has stopped. */
export async function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  let code: number = EXIT.ok
  const program = programOf(options.name)
  serveCommand(program, options).action(async flags => {
    code = await (flags.check === true
      ? (await import('./check.ts')).runCheck(flags as CheckOptions)
      : (await import('./serve.ts')).runServe(flags, options.port))
  })
  const settle = async (running: Promise<number>) => {
    code = await running
  }
  // A server starts without the others; whatever else is asked for, also help, knows them all.
  if (argv[0] !== 'serve') {
    const { otherCommands } = await import('./other-commands.ts')
    otherCommands(program, settle)
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    process.stderr.write(`${options.name}: ${error instanceof Error ? error.message : error}\n`)
    return exitCodeOf(error)
  }
  return code
}

/** The program with every command, for what is made from it; nothing in it is run. */
export async function commandTree(name: string): Promise<CommandNode> {
  const { otherCommands } = await import('./other-commands.ts')
  const { treeOf } = await import('./command-tree.ts')
  const program = programOf(name)
  serveCommand(program, { name })
  otherCommands(program, running => running.then(() => {}))
  return treeOf(program)
}

function programOf(name: string): Command {
  return (
    new Command(name)
      .description('Keeps and serves reference-genome assets')
      .version(packageVersion(), '--version', 'print the version')
      .exitOverride()
      // `--version` behind a command is that command's own: `dataset download` has one.
      .enablePositionalOptions()
      .commandsGroup(GROUPS.server)
      .addHelpText('after', EXIT_HELP)
  )
}

const EXIT_HELP = `
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 digest mismatch, 6 partial`

function serveCommand(program: Command, { port }: ProgramOptions): Command {
  const command = program
    .command('serve')
    .description('serve the archives of a genome config over HTTP')
    .exitOverride()
    .addOption(new Option('-c, --config <FILE>', 'genome config ($REFGENIE)').env('REFGENIE'))
    .option('--check', 'only compare the config with the archive folder and say what is wrong')
    .option('--deep', 'with --check: hash every archive')
    .option('-d, --dbg', 'debug messages: the same as --log-level debug')
  for (const row of SETTINGS) {
    if ('archiver' in row || 'secret' in row) continue
    const short = 'short' in row ? `-${row.short}, ` : ''
    const shown = row.name === 'port' && port !== undefined ? port : row.default
    const fallback = shown === '' ? '' : ` (default: ${shown})`
    const names = row.environment.map(name => `$${name}`).join(', ')
    command.addOption(
      new Option(
        `${short}--${row.name} <${row.value}>`,
        `${row.description}${fallback} [${names}]`,
      ),
    )
  }
  return command
}
