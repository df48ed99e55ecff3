/** Flags that all commands on a config and its archive folder share. */
import { type Command, Option } from 'commander'
import { SettingInvalid } from '../config/config-error.ts'
import { readPolicy } from '../config/policy.ts'
import type { ProvenanceField } from '../domain/provenance.ts'

/** Which config, and which archive folder instead of the one it names. */
export interface TargetFlags {
  readonly config?: string
  readonly archiveFolder?: string
}

/**
 * The config that was given.
 *
 * @throws SettingInvalid
 */
export function configOf({ config = '' }: TargetFlags): string {
  if (config === '') {
    throw new SettingInvalid('--config', config, 'a genome config with -c FILE or in $REFGENIE')
  }
  return config
}

/**
 * Fields of the provenance that a policy demands; none without a policy.
 *
 * @throws ConfigUnreadable, ConfigInvalid
 */
export async function requiredBy({
  policy = '',
}: {
  readonly policy?: string
}): Promise<readonly ProvenanceField[]> {
  return policy === '' ? [] : (await readPolicy(policy)).require
}

/** The flag that names a policy. */
export function policyOption(
  description = 'policy whose `require` names what a tag must say of its licence and origin',
): Option {
  return new Option('--policy <FILE>', description).env('REFDEPOT_POLICY')
}

/** Gives a command the flags of {@link TargetFlags}. */
export function withTarget(command: Command): Command {
  return command
    .exitOverride()
    .addOption(new Option('-c, --config <FILE>', 'genome config').env('REFGENIE'))
    .addOption(
      new Option(
        '--archive-folder <DIR>',
        'archive folder; without it the one the config names',
      ).env('REFGENIE_GENOME_ARCHIVE_FOLDER'),
    )
}
