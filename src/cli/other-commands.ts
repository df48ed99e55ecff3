/** Every command but `serve`. */
import type { Command } from 'commander'
import { accessCommands } from './access-commands.ts'
import { archiveCommands, type Settle } from './archive-commands.ts'
import { bundleCommands } from './bundle-commands.ts'
import { clientCommands } from './client-commands.ts'
import { configCommands } from './config-commands.ts'
import { datasetCommands } from './dataset-commands.ts'
import { doctorCommand } from './doctor-command.ts'
import { localCommands } from './local-commands.ts'
import { lockCommands } from './lock-commands.ts'
import { manifestCommands } from './manifest-commands.ts'
import { mirrorCommand } from './mirror-commands.ts'
import { releaseCommands } from './release-commands.ts'
import { statsCommand } from './stats-command.ts'
import { storeCommands } from './store-commands.ts'

/** Registers them in the order of the help. */
export function otherCommands(program: Command, settle: Settle): void {
  archiveCommands(program, settle)
  clientCommands(program, settle)
  configCommands(program, settle)
  accessCommands(program, settle)
  storeCommands(program, settle)
  mirrorCommand(program, settle)
  lockCommands(program, settle)
  bundleCommands(program, settle)
  releaseCommands(program, settle)
  manifestCommands(program, settle)
  statsCommand(program, settle)
  datasetCommands(program, settle)
  doctorCommand(program, settle)
  localCommands(program, settle)
}
