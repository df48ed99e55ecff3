/** Registers the commands below `bundle`. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { policyOption } from './archive-flags.ts'
import type { CreateFlags, ImportFlags, ReadFlags, ServeBundleFlags } from './bundle.ts'
import { networkFlags, serverFlag } from './network-flags.ts'

const EXAMPLES = `
Examples:
  refdepot bundle create hg38/fasta hg38/bwa_index:default --server https://refs.example.org -o refs.bundle
  refdepot bundle verify refs.bundle
  refdepot bundle serve refs.bundle -p 8080
  refdepot bundle import refs.bundle -c genome_config.yaml
  refdepot bundle import refs.bundle --archives /srv/archives`

type Runs = typeof import('./bundle.ts')

/** Registers the commands. */
export function bundleCommands(program: Command, settle: Settle): void {
  const run = (work: (runs: Runs) => Promise<number>) => settle(import('./bundle.ts').then(work))
  const bundle = program
    .command('bundle')
    .description('archives in one file, for networks that reach no server')
    .exitOverride()
    .addHelpText('after', EXAMPLES)
  networkFlags(serverFlag(bundle.command('create')))
    .description('write archives, with everything beside them, into one file')
    .argument('<REGISTRY_PATH...>', 'genome/asset:tag, genome/asset for the default tag, or genome')
    .requiredOption('-o, --output <FILE>', 'the bundle to write')
    .option('-c, --config <FILE>', 'take them from the archive folder of this genome config')
    .option('--archive-folder <DIR>', 'archive folder; without it the one the config names')
    .addOption(policyOption('with -c: policy that says what is controlled; it is marked so'))
    .option('--include-restricted', 'take also what must not be passed on (redistribute: no)')
    .option('-j, --jobs <N>', 'connections for an archive (default: 10)')
    .option('--json', 'as JSON, one event a line')
    .action((paths: string[], flags: CreateFlags) =>
      run(({ runCreate }) => runCreate(paths, flags)),
    )
  reading(bundle, 'list', 'list what is in a bundle').action((file: string, flags: ReadFlags) =>
    run(({ runList }) => runList(file, flags)),
  )
  reading(bundle, 'verify', 'compare every byte of a bundle with its digests').action(
    (file: string, flags: ReadFlags) => run(({ runVerify }) => runVerify(file, flags)),
  )
  reading(bundle, 'import', 'check a bundle and put what is in it in place: all of it or nothing')
    .option('-c, --config <FILE>', 'into the genome folder of this config ($REFGENIE)')
    .option('-o, --output <DIR>', 'into this folder')
    .option('--layout <LAYOUT>', 'of the folder: refgenie, flat or digest')
    .option('--archives <DIR>', 'as archives, into an archive folder for `serve`')
    .option('--force', 'with --archives: replace what is there with another digest')
    .action((file: string, flags: ImportFlags) => run(({ runImport }) => runImport(file, flags)))
  bundle
    .command('serve')
    .description(
      'serve out of a bundle; `serve --store FILE` does it with every setting of `serve`',
    )
    .exitOverride()
    .argument('<FILE>', 'the bundle')
    .option('-p, --port <PORT>', 'port (default: 80)')
    .option('--host <ADDRESS>', 'address to listen on')
    .action((file: string, flags: ServeBundleFlags) =>
      run(({ runServeBundle }) => runServeBundle(file, flags)),
    )
}

function reading(bundle: Command, name: string, description: string): Command {
  return bundle
    .command(name)
    .description(description)
    .exitOverride()
    .argument('<FILE>', 'the bundle')
    .option('--json', 'as JSON')
}
