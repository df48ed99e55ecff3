/** The commands below `refdepot dataset`: what vcpipe-refdata did, by digest. */
import { type Command, Option } from 'commander'
import type { Settle } from './archive-commands.ts'
import type { DatasetFlags } from './dataset.ts'
import { storeOption } from './store-flags.ts'

const HELP = `
Options that several commands share (-d, --data, --store, --threads) may stand before the command too.
Credentials of a bucket come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or SPACES_KEY and SPACES_SECRET.
Exit codes: 0 ok, 1 failed (status: something differs), 2 usage, 3 not found, 5 digest mismatch, 6 some datasets failed

Example:
  refdepot dataset package && refdepot dataset upload --store s3://BUCKET/PREFIX
  refdepot dataset download --store s3://BUCKET/PREFIX --nature capturekit`

const PREFIX = 'store of the datasets'

/** Registers the commands. */
export function datasetCommands(program: Command, settle: Settle): void {
  const dataset = program
    .command('dataset')
    .description('package, upload and download datasets, in the versions of datasets.json')
    .exitOverride()
    .addHelpText('after', HELP)
  // Behind a command they have defaults and environment variables; before it they count only when they are given.
  withShared(dataset, false)
  writingCommands(dataset, settle)
  readingCommands(dataset, settle)
  bundleCommands(dataset, settle)
}

type Runs = Omit<typeof import('./dataset.ts'), 'default'>

/** Runs a function of `dataset.ts`, which is loaded only now, with the flags before and behind the command. */
function action(command: Command, settle: Settle, run: (runs: Runs, file: string) => Runner) {
  command.action((...args: unknown[]) => {
    const self = args.at(-1) as Command
    const file = self.args[0] ?? ''
    return settle(import('./dataset.ts').then(runs => run(runs, file)(flagsOf(self))))
  })
}

type Runner = (flags: DatasetFlags) => Promise<number>

function writingCommands(dataset: Command, settle: Settle): void {
  const pack = withSelection(dataset.command('package')).description(
    'hash the files of datasets and mark them as complete (DATA_READY); what is unchanged is left alone',
  )
  action(withShared(pack, true, ['datasets', 'data']), settle, runs => runs.runPackage)
  const upload = withSelection(dataset.command('upload'))
    .description(
      'send packaged datasets that the store does not have, and publish them for `serve --store`',
    )
    .option('--no-publish', 'do not list them in the catalogue of the store')
  action(withShared(upload, true), settle, runs => runs.runUpload)
  const download = withSelection(dataset.command('download'))
    .description('fetch missing and different files, check them, and swap whole datasets in')
    .option(
      '--version <VERSION>',
      'version to fetch instead of that of datasets.json; may be repeated',
      collect,
    )
  action(withShared(download, true), settle, runs => runs.runDownload)
}

function readingCommands(dataset: Command, settle: Settle): void {
  const kinds = dataset
    .command('list-kinds')
    .description('list what datasets.json names')
    .option('--nature <NATURE>', 'of this nature only; may be repeated', collect)
    .option('--show-data-types', 'with the data types of each kind')
    .option('--json', 'as JSON')
  action(withShared(kinds, true, ['datasets']), settle, runs => runs.runListKinds)
  const status = withSelection(dataset.command('status'))
    .description('compare datasets.json, the data here and the store; exit code 1 when they differ')
    .option('--deep', 'hash the files here')
  action(withShared(status, true, ['datasets', 'data', 'store']), settle, runs => runs.runStatus)
}

function bundleCommands(dataset: Command, settle: Settle): void {
  const bundle = withSelection(dataset.command('export'))
    .description('write packaged datasets into one tar, for networks without a store')
    .argument('<FILE>', 'the tar to write')
  action(
    withShared(bundle, true, ['datasets', 'data']),
    settle,
    (runs, file) => flags => runs.runExport(file, flags),
  )
  const unpack = dataset
    .command('import')
    .description('check a tar of `export` and put its datasets in place: all of them or none')
    .argument('<FILE>', 'the tar to read')
    .option('--json', 'as JSON')
  action(
    withShared(unpack, true, ['data']),
    settle,
    (runs, file) => flags => runs.runImport(file, flags),
  )
}

type Shared = 'datasets' | 'data' | 'store' | 'threads'

/** Gives a command the flags that several have. */
function withShared(
  command: Command,
  complete: boolean,
  names: readonly Shared[] = ['datasets', 'data', 'store', 'threads'],
): Command {
  const options: Record<Shared, Option> = {
    datasets: new Option('-d, --datasets <FILE>', 'list of what should be there'),
    data: new Option('--data <DIR>', 'folder of all data: DIR/nature/type/kind'),
    store: complete ? storeOption(PREFIX) : new Option('--store <PLACE>', PREFIX),
    threads: new Option(
      '--threads <N>',
      'files at a time (default: one for each processor, at most 20)',
    ),
  }
  if (complete) {
    options.datasets.env('REFDEPOT_DATASETS').default('datasets.json')
    options.data.default('data')
  }
  for (const name of names) command.addOption(options[name])
  return command
}

function withSelection(command: Command): Command {
  return command
    .option('--nature <NATURE>', 'of this nature only; may be repeated', collect)
    .option('--data-type <TYPE>', 'of this data type only; may be repeated', collect)
    .option('--kind-id <KIND>', 'this kind only; may be repeated', collect)
    .option('--json', 'as JSON')
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** What stands behind the command counts before what stands in front of it, that before environment and defaults. */
function flagsOf(command: Command): DatasetFlags {
  const merged: Record<string, unknown> = { ...command.opts() }
  for (const [name, value] of Object.entries(command.parent?.opts() ?? {})) {
    if (command.getOptionValueSource(name) !== 'cli') merged[name] = value
  }
  return merged
}
