/** `refdepot url`: one usable address of an archive or a file, alone on stdout. */
import { archiveLink } from '../client/archive-link.ts'
import { EXIT } from './exit-codes.ts'
import type { NetworkFlags } from './network-flags.ts'
import { toStderr, toStdout } from './output-lines.ts'
import { withCatalogue } from './with-network.ts'

/** Flags of `url`. */
export interface UrlFlags extends NetworkFlags {
  readonly expires?: string
}

/** Prints the address of the archive of a registry path or digest; with a seek key, of that file. */
export async function runUrl(name: string, flags: UrlFlags): Promise<number> {
  return withCatalogue(flags, async (catalogue, network) => {
    const link = await archiveLink(catalogue, name, {
      network,
      ...(flags.expires && { expires: flags.expires }),
    })
    toStderr(link.note)
    toStdout(link.url)
    return EXIT.ok
  })
}
