/** The commands below `refdepot release`: their flags and help. */
import type { Command } from 'commander'
import type { Settle } from './archive-commands.ts'
import { policyOption } from './archive-flags.ts'
import { withPlace } from './published-place.ts'
import type { ReleaseFlags } from './release.ts'

const releasing = () => import('./release.ts')

/** Registers `release` with its sub-commands. */
export function releaseCommands(program: Command, settle: Settle): void {
  const release = program
    .command('release')
    .description('make and show releases: named lists of archives that never change')
    .exitOverride()
  const command = (name: string) => withPlace(release.command(name)).option('--json', 'as JSON')
  command('create')
    .description('make a release of what is served now')
    .argument('<NAME>', 'its name: letters, digits, . _ -')
    .argument('[REGISTRY_PATH...]', 'genome, genome/asset or genome/asset:tag; none = everything')
    .option('--description <TEXT>', 'what it is')
    .addOption(policyOption('policy that says what is controlled, beside the config'))
    .action((name: string, paths: string[], flags: ReleaseFlags) =>
      settle(releasing().then(it => it.runReleaseCreate(name, paths, flags))),
    )
  command('list')
    .description('list the releases, the newest first')
    .action((flags: ReleaseFlags) => settle(releasing().then(it => it.runReleaseList(flags))))
  command('show')
    .description('show the archives of a release')
    .argument('<NAME>')
    .action((name: string, flags: ReleaseFlags) =>
      settle(releasing().then(it => it.runReleaseShow(name, flags))),
    )
  command('diff')
    .description('show what differs between two releases')
    .argument('<A>')
    .argument('<B>')
    .action((from: string, to: string, flags: ReleaseFlags) =>
      settle(releasing().then(it => it.runReleaseDiff(from, to, flags))),
    )
}
