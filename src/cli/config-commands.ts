/** `refdepot init` and `refdepot config`: make a genome config, show and change what it and the settings of the client say. */
import { access, mkdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { CLIENT_SETTINGS, clientSettingRow } from '../client/client-settings.ts'
import { ConfigInvalid, SettingInvalid } from '../config/config-error.ts'
import { withConfigLock } from '../config/config-lock.ts'
import { readGenomeConfig } from '../config/genome-config.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { SETTINGS, settingProblem, shownSetting } from '../config/settings.ts'
import { changedTopKeys, formatGenomeConfig } from '../config/write-genome-config.ts'
import { replaceFile } from '../storage/replace-file.ts'
import type { Settle } from './archive-commands.ts'
import { configOf, type TargetFlags } from './archive-flags.ts'
import {
  runGetSetting,
  runSetSetting,
  runSettingsPath,
  runShowSettings,
  runUnsetSetting,
} from './client-config.ts'
import { EXIT } from './exit-codes.ts'
import { tableText } from './table.ts'

interface InitFlags extends TargetFlags {
  readonly genomeFolder?: string
  readonly genomeArchiveFolder?: string
  readonly genomeServer?: readonly string[]
}

// What refgenconf falls back to when a config names no server.
const DEFAULT_SERVER = 'http://refgenomes.databio.org'

/** Keys of `config get` and `config set` that are keys of the genome config itself. */
const KEYS = {
  'genome-folder': 'genome_folder',
  'archive-folder': 'genome_archive_folder',
  servers: 'genome_servers',
} as const

/** Registers `init` and `config`. */
export function configCommands(program: Command, settle: Settle): void {
  const withConfig = (command: Command) =>
    command
      .exitOverride()
      .addOption(new Option('-c, --config <FILE>', 'genome config').env('REFGENIE'))
  withConfig(program.command('init'))
    .description('make a genome config, or give an existing one an archive folder')
    .option('--genome-folder <DIR>', 'folder of the genomes (default: the folder of the config)')
    .addOption(
      new Option('--genome-archive-folder <DIR>', 'folder of the archives').env(
        'REFGENIE_GENOME_ARCHIVE_FOLDER',
      ),
    )
    .option('-s, --genome-server <URL...>', `servers to pull from (default: ${DEFAULT_SERVER})`)
    .action((flags: InitFlags) => settle(runInit(flags)))
  const config = program
    .command('config')
    .description('show or change a genome config, or the settings of the client')
    .exitOverride()
  withConfig(config.command('get'))
    .description('print the settings of a config, or one of them or of the client')
    .argument('[KEY]', keyNames())
    .option('--json', 'as JSON')
    .action((key: string | undefined, flags: TargetFlags & { json?: boolean }) =>
      settle(runGet(key, flags)),
    )
  withConfig(config.command('set'))
    .description('change one setting of a config, or of the client')
    .argument('<KEY>', keyNames())
    .argument('<VALUE>', 'the value; servers are separated by commas')
    .action((key: string, value: string, flags: TargetFlags) => settle(runSet(key, value, flags)))
  settingsCommands(config, settle)
}

/** Those that know the settings of the client only. */
function settingsCommands(config: Command, settle: Settle): void {
  config
    .command('show')
    .description('print the settings of the client, and where each comes from')
    .exitOverride()
    .option('--json', 'as JSON')
    .action((flags: { json?: boolean }) => settle(runShowSettings(flags)))
  config
    .command('unset')
    .description('take a setting out of the settings file of the client')
    .exitOverride()
    .argument('<KEY>', clientKeys())
    .action((key: string) => settle(runUnset(key)))
  config
    .command('path')
    .description('print where the settings file of the client is')
    .exitOverride()
    .action(() => settle(runSettingsPath()))
}

async function runInit(flags: InitFlags): Promise<number> {
  const file = resolve(configOf(flags))
  const archiveFolder = flags.genomeArchiveFolder && resolve(flags.genomeArchiveFolder)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if (exists) {
    if (archiveFolder === undefined) {
      const message = 'exists already; give --genome-archive-folder to set its archive folder'
      throw new ConfigInvalid([{ file, message }])
    }
    await changeKeys(file, { genome_archive_folder: archiveFolder })
  } else {
    await makeConfig(file, flags, archiveFolder)
  }
  if (archiveFolder !== undefined) await mkdir(archiveFolder, { recursive: true })
  process.stdout.write(`export REFGENIE=${quoted(file)}\n`)
  return EXIT.ok
}

async function makeConfig(file: string, flags: InitFlags, archiveFolder?: string): Promise<void> {
  const genomeFolder = resolve(flags.genomeFolder ?? dirname(file))
  const raw: RawConfig = {
    config_version: '0.4',
    genome_folder: genomeFolder,
    genome_servers: [...(flags.genomeServer ?? [DEFAULT_SERVER])],
    genomes: {},
    ...(archiveFolder && { genome_archive_folder: archiveFolder }),
  }
  // The folders that the Python tools expect.
  for (const name of ['data', 'alias']) await mkdir(join(genomeFolder, name), { recursive: true })
  await mkdir(dirname(file), { recursive: true })
  await replaceFile(file, formatGenomeConfig(raw))
}

async function runGet(
  key: string | undefined,
  flags: TargetFlags & { json?: boolean },
): Promise<number> {
  const row = key === undefined ? undefined : clientSettingRow(key)
  if (row !== undefined) return runGetSetting(row)
  const config = await readGenomeConfig(configOf(flags))
  const values = new Map<string, string>([
    ['genome-folder', config.genomeFolder],
    ['version', '0.4'],
    ['archive-folder', config.archiveFolder ?? ''],
    ['servers', config.servers.join(',')],
    ...Object.entries(config.settings).map(
      ([name, value]) => [name, shownSetting(name, String(value))] as const,
    ),
  ])
  if (key !== undefined) {
    if (!values.has(key) && !isKey(key)) throw unknownKey(key)
    process.stdout.write(`${values.get(key) ?? ''}\n`)
  } else if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(Object.fromEntries(values), null, 2)}\n`)
  } else {
    process.stdout.write(tableText(['Setting', 'Value'], [...values]))
  }
  return EXIT.ok
}

async function runSet(key: string, value: string, flags: TargetFlags): Promise<number> {
  const row = clientSettingRow(key)
  if (row !== undefined) return runSetSetting(row, value)
  if (!isKey(key)) throw unknownKey(key)
  if (shownSetting(key, value) !== value) {
    const allowed = `it by $REFDEPOT_${key.toUpperCase().replaceAll('-', '_')}_FILE: everybody can read the arguments of a command`
    throw new SettingInvalid(key, shownSetting(key, value), allowed)
  }
  const file = resolve(configOf(flags))
  await readGenomeConfig(file)
  const own = KEYS[key as keyof typeof KEYS]
  if (own === 'genome_servers') {
    await changeKeys(file, { genome_servers: value.split(',').map(url => url.trim()) })
  } else if (own !== undefined) {
    await changeKeys(file, { [own]: resolve(value) })
  } else {
    const problem = settingProblem(key, value)
    if (problem !== undefined) throw new SettingInvalid(key, value, problem)
    await changeKeys(file, { refdepot: { [key]: value } })
  }
  return EXIT.ok
}

async function runUnset(key: string): Promise<number> {
  const row = clientSettingRow(key)
  if (row === undefined) throw new SettingInvalid('the key', key, `one of ${clientKeys()}`)
  return runUnsetSetting(row)
}

/** Changes a config while no other tool writes it. */
async function changeKeys(
  file: string,
  changes: Parameters<typeof changedTopKeys>[1],
): Promise<void> {
  await withConfigLock(file, async () => {
    await replaceFile(file, changedTopKeys(await readFile(file, 'utf8'), changes))
  })
}

function isKey(key: string): boolean {
  return (
    Object.hasOwn(KEYS, key) ||
    SETTINGS.some(({ name }) => name === key && name !== 'archive-folder')
  )
}

function unknownKey(key: string): SettingInvalid {
  return new SettingInvalid('the key', key, `one of ${keyNames()}`)
}

function keyNames(): string {
  const settings = SETTINGS.map(({ name }) => name).filter(name => name !== 'archive-folder')
  return `${[...Object.keys(KEYS), ...settings].join(', ')}; of the client: ${clientKeys()}`
}

function clientKeys(): string {
  return CLIENT_SETTINGS.map(({ name }) => name).join(', ')
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
