/** Every command but `serve`. */
import type { Command } from 'commander'
import { accessCommands } from './access-commands.ts'
import { archiveCommands, type Settle } from './archive-commands.ts'
import { bundleCommands } from './bundle-commands.ts'
import { clientCommands } from './client-commands.ts'
import { completionCommand } from './completion-command.ts'
import { configCommands } from './config-commands.ts'
import { datasetCommands } from './dataset-commands.ts'
import { doctorCommand } from './doctor-command.ts'
import { GROUPS } from './help-groups.ts'
import { localCommands } from './local-commands.ts'
import { lockCommands } from './lock-commands.ts'
import { manifestCommands } from './manifest-commands.ts'
import { mirrorCommand } from './mirror-commands.ts'
import { releaseCommands } from './release-commands.ts'
import { statsCommand } from './stats-command.ts'
import { storeCommands } from './store-commands.ts'

/** Registers them in the order of the help, under its headings. */
export function otherCommands(program: Command, settle: Settle): void {
  program.commandsGroup(GROUPS.client)
  clientCommands(program, settle)
  localCommands(program, settle)
  manifestCommands(program, settle)
  lockCommands(program, settle)
  doctorCommand(program, settle)
  program.commandsGroup(GROUPS.archives)
  archiveCommands(program, settle)
  program.commandsGroup(GROUPS.stores)
  storeCommands(program, settle)
  mirrorCommand(program, settle)
  bundleCommands(program, settle)
  releaseCommands(program, settle)
  program.commandsGroup(GROUPS.server)
  statsCommand(program, settle)
  program.commandsGroup(GROUPS.access)
  accessCommands(program, settle)
  program.commandsGroup(GROUPS.datasets)
  datasetCommands(program, settle)
  program.commandsGroup(GROUPS.settings)
  configCommands(program, settle)
  completionCommand(program, settle)
  program.helpCommand(true)
}
