/** `refdepot url`: one usable address of an archive or a file, alone on stdout. */
import { archiveLink } from '../client/archive-link.ts'
import { RemoteCatalogue } from '../client/remote-catalogue.ts'
import { withClientSettings } from './client-defaults.ts'
import { EXIT } from './exit-codes.ts'
import { type NetworkFlags, networkOf, serversOf } from './network-flags.ts'

/** Flags of `url`. */
export interface UrlFlags extends NetworkFlags {
  readonly expires?: string
}

/** Prints the address of the archive of a registry path or digest; with a seek key, of that file. */
export async function runUrl(name: string, given: UrlFlags): Promise<number> {
  const flags = withClientSettings(given, process.env)
  const note = (text: string) => process.stderr.write(`${text}\n`)
  const network = await networkOf(flags, process.env, note)
  try {
    const servers = serversOf(flags, process.env)
    const catalogue = new RemoteCatalogue({ network, servers, note })
    const link = await archiveLink(catalogue, name, {
      network,
      ...(flags.expires && { expires: flags.expires }),
    })
    note(link.note)
    process.stdout.write(`${link.url}\n`)
    return EXIT.ok
  } finally {
    await network.close()
  }
}
