/** Registers `pull`, `ls`, `search` and `url`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { LsFlags } from './ls.ts'
import { networkFlags, repeatable, serverFlag } from './network-flags.ts'
import type { PullFlags } from './pull.ts'
import type { UrlFlags } from './url.ts'

const listing = () => import('./ls.ts')

/** Registers the commands. */
export function clientCommands(program: Command, settle: Settle): void {
  pullCommand(program).action((names: string[], flags: PullFlags) =>
    settle(import('./pull.ts').then(({ runPull }) => runPull(names, flags))),
  )
  withPlaces(program.command('ls'))
    .description('list what servers have, or what is in a folder')
    .argument('[PATH...]', 'genome, genome/asset or genome/asset:tag; everything without')
    .option('--json', 'as JSON')
    .action((paths: string[], flags: LsFlags) =>
      settle(listing().then(({ runLs }) => runLs(paths, flags))),
    )
  withPlaces(program.command('search'))
    .description('find assets by words of names, aliases, digests and descriptions')
    .argument('<WORD...>', 'all of them must occur')
    .option('--json', 'as JSON')
    .action((words: string[], flags: LsFlags) =>
      settle(listing().then(({ runSearch }) => runSearch(words, flags))),
    )
  networkFlags(serverFlag(program.command('url')))
    .description('print one address that works without credentials, alone on stdout')
    .argument('<NAME>', 'registry path, with a seek key for a file (hg38/fasta.fai); or a digest')
    .option(
      '--expires <DURATION>',
      'how long the link of a controlled asset shall work, such as 15m',
    )
    .action((name: string, flags: UrlFlags) =>
      settle(import('./url.ts').then(({ runUrl }) => runUrl(name, flags))),
    )
}

/** A command on servers, or on a folder in their place. */
function withPlaces(command: Command): Command {
  return networkFlags(serverFlag(command))
    .option('-c, --config <FILE>', 'genome config: what is here, not what servers have')
    .option('-o, --output <DIR>', 'folder that assets were pulled into: what is here')
}

const PULL_EXAMPLES = `
The token is read from $REFDEPOT_TOKEN or --token-file, never from an argument. What was broken off, the same command goes on with.

Examples:
  refdepot pull hg38/fasta hg38/bwa_index:default --server https://refs.example.org -c genome_config.yaml
  refdepot pull hg38/fasta --only fai -o . --layout flat --server https://refs.example.org
  refdepot pull --manifest refs.tsv -o refs --layout digest --server https://refs.example.org --mirror https://near.example.org`

function pullCommand(program: Command): Command {
  const command = program
    .command('pull')
    .description('fetch assets from servers, compare them, and put them in place')
    .argument('[NAME...]', 'registry paths such as hg38/fasta:default, or digests of archives')
  serverFlag(command)
    .option('--mirror <URL>', 'another server that bytes may come from; repeatable', repeatable)
    .option('--race', 'fetch from all places at once, not from the next one when one fails')
  withFolder(command)
    .option('--manifest <SOURCE>', 'file, URL or id of a list of archives; - for standard input')
    .option('--genome <GENOME>', 'every asset of a genome; repeatable', repeatable)
    .option('--asset <ASSET>', 'this asset of these genomes, or of all; repeatable', repeatable)
    .option('--only <SEEK_KEY|PATH>', 'only this file of each asset; repeatable', repeatable)
    .option('--archive', 'keep the archives (.tgz) as they are')
    .option('--force', 'fetch again what is there, and replace what is in its place')
    .option('-j, --jobs <N>', 'connections at a time (default: 10)')
    .option('--dry-run', 'say what would be fetched and do nothing')
    .option('--json', 'events as JSON, one a line, on stdout')
    .option('--quiet', 'say nothing but what failed')
  return networkFlags(command).addHelpText('after', PULL_EXAMPLES)
}

/** A command on a folder that assets are pulled into. */
function withFolder(command: Command): Command {
  return command
    .option('-c, --config <FILE>', 'genome config to add to ($REFGENIE)')
    .option('-o, --output <DIR>', 'folder instead of a genome config (default: the present one)')
    .option(
      '--layout <NAME>',
      'refgenie, flat (genome/asset) or digest; without it what the folder is, else flat',
    )
}
