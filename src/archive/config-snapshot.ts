/**
 * A checked config as bytes from which a server starts without reading YAML again.
 *
 *     {"format":1,"version":…,"file":…,"identity":…,"text":…,"rest":…}\n    what it was made from, and the sha256 of everything below
 *     {"config":…,"genomes":[{"digest":…,"bytes":…},…]}\n                   the config without assets
 *     [[name, description, default tag, provenance, [[tag, attributes, life],…]],…]   the assets of each genome, one behind the other
 *
 * The assets of a genome are read when somebody asks for them. What is damaged, of another version or made from another text is no snapshot.
 */
import { createHash } from 'node:crypto'
import { type MarkedGenomes, marksOfConfig } from '../config/access-marks.ts'
import type { GenomeConfig } from '../config/genome-config.ts'
import { entriesOf, whyUnlisted } from '../domain/catalogue.ts'
import {
  type Asset,
  type Genome,
  type GenomeOutline,
  type Remote,
  Tag,
  type TagAttributes,
  type TagLife,
} from '../domain/genome.ts'
import type { Provenance } from '../domain/provenance.ts'
import { type GenomeHead, StoredGenome } from '../domain/stored-genome.ts'
import { timeSlices } from './time-slices.ts'

const FORMAT = 1

/** What a snapshot was made from; it counts for nothing else. */
export interface SnapshotKey {
  /** Version of refdepot: another one may read the same text otherwise. */
  readonly version: string
  /** Absolute path of the config; relative folders begin at its folder. */
  readonly file: string
  /** Size, time and inode of the file. */
  readonly identity: string
  /** sha256 of the text (hex). */
  readonly text: string
}

interface KeptHead extends GenomeHead, GenomeOutline {
  readonly bytes: number
}

interface KeptConfig {
  readonly config: Omit<GenomeConfig, 'genomes' | 'marks' | 'remotes'>
  readonly remotes?: readonly (readonly [string, Remote])[]
  readonly genomes: readonly KeptHead[]
}

type KeptTag = readonly [name: string, attributes: TagAttributes, life: TagLife]
type KeptAsset = readonly [
  name: string,
  description: string | null,
  defaultTag: string | null,
  provenance: Provenance,
  tags: readonly KeptTag[],
]

/** The bytes of a snapshot; it is made in slices, so that a server goes on answering. */
export async function encodeSnapshot(key: SnapshotKey, config: GenomeConfig): Promise<Buffer> {
  const { genomes, marks: _made, remotes, ...rest } = config
  const heads: KeptHead[] = []
  const bodies: Buffer[] = []
  const pause = timeSlices()
  for (const genome of genomes) {
    const body = Buffer.from(JSON.stringify([...genome.assets.values()].map(keptAsset)))
    bodies.push(body)
    heads.push({ ...headOf(genome), ...outlineOf(genome), bytes: body.length })
    await pause()
  }
  const kept: KeptConfig = {
    config: rest,
    ...(remotes && { remotes: [...remotes] }),
    genomes: heads,
  }
  const body = Buffer.concat([Buffer.from(`${JSON.stringify(kept)}\n`), ...bodies])
  return Buffer.concat([Buffer.from(`${JSON.stringify(firstLine(key, digestOf(body)))}\n`), body])
}

/** The config that a snapshot was made of; `stale` when it was made of something else, `damaged` when it is not as it was written. */
export function decodeSnapshot(
  key: SnapshotKey,
  bytes: Buffer,
): GenomeConfig | 'stale' | 'damaged' {
  const begin = bytes.indexOf('\n') + 1
  const line = bytes.toString('utf8', 0, begin - 1)
  const rest = digestIn(line)
  if (begin === 0 || rest === undefined) return 'damaged'
  if (line !== JSON.stringify(firstLine(key, rest))) return 'stale'
  const body = bytes.subarray(begin)
  return rest === digestOf(body) ? configIn(body) : 'damaged'
}

/** The digest that a first line names; undefined for what is no such line. */
function digestIn(line: string): string | undefined {
  try {
    const { rest } = JSON.parse(line)
    return typeof rest === 'string' ? rest : undefined
  } catch {
    return undefined
  }
}

function configIn(body: Buffer): GenomeConfig {
  const end = body.indexOf('\n')
  const kept: KeptConfig = JSON.parse(body.toString('utf8', 0, end))
  let at = end + 1
  const genomes = kept.genomes.map(({ bytes: length, tags, allListed, ...head }) => {
    const assets = body.subarray(at, at + length)
    at += length
    return new StoredGenome(head, { tags, allListed }, () => assetsIn(assets))
  })
  return {
    ...kept.config,
    ...(kept.remotes && { remotes: new Map(kept.remotes) }),
    marks: marksOfConfig(kept.config.marked as MarkedGenomes),
    genomes,
  }
}

function firstLine({ version, file, identity, text }: SnapshotKey, rest: string): object {
  return { format: FORMAT, version, file, identity, text, rest }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function headOf(genome: Genome): GenomeHead {
  const { digest, aliases, description, legacyDigest, folder, provenance } = genome
  return {
    digest,
    aliases,
    ...(description !== undefined && { description }),
    ...(legacyDigest !== undefined && { legacyDigest }),
    folder,
    provenance: provenance as Provenance,
  }
}

function outlineOf(genome: Genome): GenomeOutline {
  const tags = [...entriesOf(genome)].map(({ tag }) => tag)
  return { tags: tags.length, allListed: tags.every(tag => whyUnlisted(tag) === undefined) }
}

function keptAsset({ name, description, defaultTag, provenance, tags }: Asset): KeptAsset {
  const kept = [...tags.values()].map((tag): KeptTag => [tag.name, tag.attributes, tag.life])
  // What was read from a config has its provenance, if an empty one.
  return [name, description ?? null, defaultTag ?? null, provenance as Provenance, kept]
}

function assetsIn(bytes: Buffer): Map<string, Asset> {
  const kept: readonly KeptAsset[] = JSON.parse(bytes.toString('utf8'))
  return new Map(
    kept.map(([name, description, defaultTag, provenance, tags]): [string, Asset] => [
      name,
      {
        name,
        ...(description !== null && { description }),
        ...(defaultTag !== null && { defaultTag }),
        provenance,
        tags: new Map(
          tags.map(([tag, attributes, life]) => [tag, new Tag(tag, attributes, life)] as const),
        ),
      },
    ]),
  )
}
