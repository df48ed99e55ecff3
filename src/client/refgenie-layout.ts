/** The layout of refgenie 0.4: a config, `data` with digests, `alias` with names. The Python client sees it as its own. */
import { dirname, join } from 'node:path'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import { linkAlias } from './alias-tree.ts'
import { type ClientConfig, genomeFolderOf } from './client-config.ts'
import { mustBeWritable } from './must-be-writable.ts'
import { ARCHIVE_SUFFIX } from './plain-layouts.ts'
import { askedGenome } from './plain-names.ts'
import { aliasesAfter, ownerOf, pulledChanges, tagIn } from './pulled-changes.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { Form, Standing, TargetLayout } from './target-layout.ts'

/** See the head of this file. */
export class RefgenieLayout implements TargetLayout {
  readonly root: string
  readonly form: Form
  readonly #config: ClientConfig
  readonly #genomeFolder: string
  readonly #force: boolean

  private constructor(config: ClientConfig, genomeFolder: string, form: Form, force: boolean) {
    this.#config = config
    this.#genomeFolder = genomeFolder
    // Not in the folder of a genome: the Python client links all it finds there.
    this.root = join(genomeFolder, 'data')
    this.form = form
    this.#force = force
  }

  /**
   * Reads the config once, for the folder it names.
   *
   * @throws ConfigUnreadable, ConfigInvalid
   */
  static async open(config: ClientConfig, form: Form, force: boolean): Promise<RefgenieLayout> {
    const folder = genomeFolderOf(await config.read(), config.file)
    return new RefgenieLayout(config, folder, form, force)
  }

  placeOf({ genome, asset, tag }: RemoteAsset): string {
    const folder = `${genome.digest}/${asset.name}`
    // Where the Python client has the archive while it pulls.
    if (this.form === 'archive') return `${folder}/${asset.name}__${tag}${ARCHIVE_SUFFIX}`
    return `${folder}/${tag}`
  }

  placeOfRelative(genomeDigest: string, asset: string, tag: string): string {
    return `${genomeDigest}/${asset}/${tag}`
  }

  /** The config decides: the Python client may have put other files there, or the same ones without a record. */
  async judge(asset: RemoteAsset, seen: Standing): Promise<Standing> {
    if (this.form === 'archive' || seen === 'absent') return seen
    const raw = await this.#config.read()
    const there = tagIn(raw, asset.genome.digest, asset.asset.name, asset.tag)
    if (there?.asset_path === undefined) return seen === 'current' ? 'unsettled' : seen
    const [here = '', remote = ''] = [there.asset_digest, asset.attributes.asset_digest]
    if (here !== remote) return 'other'
    // Without digests only the record tells that it is the same.
    if (seen === 'other' && here === '') return 'other'
    const standing = seen === 'other' ? 'current' : seen
    const named = raw.genomes?.[asset.genome.digest]?.aliases?.length ?? 0
    const unnamed = aliasesAfter(raw, asset).length > named
    return standing === 'current' && unnamed ? 'unsettled' : standing
  }

  async mustAccept(asset: RemoteAsset): Promise<void> {
    const raw = await this.#config.read()
    const asked = askedGenome(asset)
    const owner = asked === asset.genome.digest ? undefined : ownerOf(raw, asked)
    if (owner !== undefined && owner !== asset.genome.digest) {
      throw new PullRefused(
        `${asked} is the genome ${owner} in ${this.#config.file}, but ${asset.genome.digest} at ${asset.server}; pull ${asset.genome.digest}/${asset.asset.name}:${asset.tag}, or free the name with \`refgenie alias remove\``,
      )
    }
    if (!this.#force) this.#mustFitParents(raw, asset)
    await mustBeWritable(dirname(join(this.root, this.placeOf(asset))))
    if (this.form === 'archive') return
    await mustBeWritable(join(this.#genomeFolder, 'alias'))
    await mustBeWritable(dirname(this.#config.file))
  }

  async settle(asset: RemoteAsset): Promise<void> {
    await this.#config.create(asset.server)
    // The config names what is unpacked.
    if (this.form === 'archive') return
    const { digest } = asset.genome
    const raw = await this.#config.read()
    const before = raw.genomes?.[digest]?.aliases ?? []
    try {
      for (const alias of aliasesAfter(raw, asset)) {
        const inner = before.includes(alias) ? `${asset.asset.name}/${asset.tag}` : ''
        await linkAlias({ genomeFolder: this.#genomeFolder, digest, alias }, inner)
      }
    } catch (error) {
      throw new StorageWriteFailed(join(this.#genomeFolder, 'alias'), error)
    }
    await this.#config.change(now => pulledChanges(now, asset))
  }

  /** An index must be of the sequences that lie here, as the Python client sees it. */
  #mustFitParents(raw: RawConfig, asset: RemoteAsset): void {
    for (const [path, digest] of Object.entries(asset.parentDigests ?? {})) {
      const { genome = '', asset: name = '', tag = '' } = parseRegistryPath(path) ?? {}
      const here = tagIn(raw, genome, name, tag)?.asset_digest
      if (here === undefined || here === digest) continue
      throw new PullRefused(
        `${asset.registryPath} was made of ${path} with the digest ${digest}, but here that has ${here}; pull it again with --force, or this one with --force`,
      )
    }
  }
}
