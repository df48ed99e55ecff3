/** The flags of every command that looks into the state. */
import { type Command, Option } from 'commander'
import { withTarget } from './archive-flags.ts'

/** Gives a command the flags of `StateFlags`. */
export function withState(command: Command): Command {
  return withStateOption(withTarget(command))
}

/** Gives a command that has a target already the flag for the state. */
export function withStateOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--state <FILE>',
      'database of tokens, audit and download counts (default: .refdepot/state.sqlite in the archive folder)',
    ).env('REFDEPOT_STATE'),
  )
}
