/** `refdepot completion`: prints the script with which a shell completes this program. */
import { Argument, type Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { EXIT } from './exit-codes.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

const USE = `
Take it into the shell:
  bash  refdepot completion bash > ~/.local/share/bash-completion/completions/refdepot
  zsh   refdepot completion zsh > "\${fpath[1]}/_refdepot"
  fish  refdepot completion fish > ~/.config/fish/completions/refdepot.fish`

/** Registers the command. */
export function completionCommand(program: Command, settle: Settle): void {
  program
    .command('completion')
    .description('print the script that completes commands, options and registry paths in a shell')
    .exitOverride()
    .addArgument(new Argument('<SHELL>', 'which shell').choices([...SHELLS]))
    .addHelpText('after', USE)
    .action((shell: (typeof SHELLS)[number]) => settle(runCompletion(program, shell)))
}

async function runCompletion(program: Command, shell: (typeof SHELLS)[number]): Promise<number> {
  const { treeOf } = await import('./command-tree.ts')
  const scripts = {
    bash: async () => (await import('./completion-bash.ts')).bashCompletion,
    zsh: async () => (await import('./completion-zsh.ts')).zshCompletion,
    fish: async () => (await import('./completion-fish.ts')).fishCompletion,
  }
  const script = await scripts[shell]()
  process.stdout.write(script(treeOf(program)))
  return EXIT.ok
}
