/** The commands below `refdepot manifest`: their flags and help. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { CreateFlags, ManifestFlags } from './manifest.ts'
import { networkFlags, repeatable, serverFlag } from './network-flags.ts'

const making = () => import('./manifest.ts')

const EXAMPLES = `
Examples:
  refdepot manifest create hg38/fasta hg38/bwa_index --server https://refs.example.org > refs.tsv
  refdepot manifest create --genome hg38 --server https://refs.example.org --format meta4 > hg38.meta4
  refdepot manifest show refs.tsv --format sha256 | sha256sum -c
  refdepot manifest publish refs.tsv --server https://refs.example.org`

/** Registers `manifest` with its sub-commands. */
export function manifestCommands(program: Command, settle: Settle): void {
  const manifest = program
    .command('manifest')
    .description(
      'make and show manifests: lists of archives with their digests, for pull and other tools',
    )
    .exitOverride()
    .addHelpText('after', EXAMPLES)
  const command = (name: string) => networkFlags(serverFlag(manifest.command(name)))
  const formatted = (name: string) =>
    command(name).option('--format <NAME>', 'tsv, json, meta4, sha256 or aria2 (default: tsv)')
  formatted('create')
    .description('print the manifest of what servers, or an archive folder, have')
    .argument('[REGISTRY_PATH...]', 'genome/asset or genome/asset:tag; none = everything')
    .option('-c, --config <FILE>', 'genome config of an archive folder, instead of a server')
    .option('--archive-folder <DIR>', 'archive folder; without it the one the config names')
    .option('--genome <GENOME>', 'everything of a genome; repeatable', repeatable)
    .option('--asset <ASSET>', 'this asset of these genomes, or of all; repeatable', repeatable)
    .option('--all-tags', 'all tags; without it the default tag of each asset')
    .action((names: string[], flags: CreateFlags) =>
      settle(making().then(it => it.runManifestCreate(names, flags))),
    )
  formatted('show')
    .description('print a manifest, also one of the ICGC storage client, in any of the formats')
    .argument('<SOURCE>', 'file, http or https URL, id at a server, or - for standard input')
    .action((source: string, flags: ManifestFlags) =>
      settle(making().then(it => it.runManifestShow(source, flags))),
    )
  command('publish')
    .description('keep a manifest at a server for 90 days, under the digest of its content')
    .argument('<SOURCE>', 'file or URL, or - for standard input')
    .option('--json', 'what the server says, as JSON')
    .action((source: string, flags: ManifestFlags) =>
      settle(making().then(it => it.runManifestPublish(source, flags))),
    )
}
