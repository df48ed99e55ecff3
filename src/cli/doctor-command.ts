/** Registers `doctor`. */
import { type Command, Option } from 'commander'
import { CLIENTS } from '../client/doctor/replay-client.ts'
import type { Settle } from './archive-commands.ts'
import type { DoctorFlags } from './doctor.ts'
import { networkFlags } from './network-flags.ts'

/** Registers the command. */
export function doctorCommand(program: Command, settle: Settle): void {
  networkFlags(program.command('doctor'))
    .description('examine a server, or the address of one file, from outside, and say what to fix')
    .argument('<URL>', 'refdepot, refgenieserver, or a file on any server')
    .addOption(
      new Option('--as <CLIENT>', 'make the requests of this client').choices([...CLIENTS]),
    )
    .option('--origin <ORIGIN>', 'where the page comes from that reads in a browser')
    .option('--json', 'as JSON, with the fixes for all kinds of servers')
    .action((url: string, flags: DoctorFlags) =>
      settle(import('./doctor.ts').then(({ runDoctor }) => runDoctor(url, flags))),
    )
}
