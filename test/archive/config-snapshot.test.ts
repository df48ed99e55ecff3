import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import {
  decodeSnapshot,
  encodeSnapshot,
  type SnapshotKey,
} from '../../src/archive/config-snapshot.ts'
import { type GenomeConfig, parseGenomeConfig } from '../../src/config/genome-config.ts'
import { AccessTable } from '../../src/domain/access.ts'
import { Catalogue, entriesOf, registryPathOf } from '../../src/domain/catalogue.ts'
import { GENERATED_CONFIG } from '../support/generated-configs.ts'

const FILE = '/srv/genome_config.yaml'
const KEY: SnapshotKey = { version: '1.0.0', file: FILE, identity: '1-2-3', text: 'a'.repeat(64) }
const RUNS = 400

/** Everything a config says, as plain values. */
function plain({ genomes, marks, remotes, ...rest }: GenomeConfig): object {
  return {
    ...rest,
    silent: marks.silent,
    remotes: remotes && [...remotes],
    genomes: genomes.map(({ assets, ...genome }) => ({
      ...genome,
      assets: [...assets.values()].map(({ tags, ...asset }) => ({
        ...asset,
        tags: [...tags.values()].map(tag => ({ ...tag, life: tag.life })),
      })),
    })),
  }
}

/** What is looked up in a catalogue, by everything it can be asked for. */
function lookedUp(config: GenomeConfig): object {
  const catalogue = new Catalogue(config)
  const path = (entry?: Parameters<typeof registryPathOf>[0]) => entry && registryPathOf(entry)
  const tags = config.genomes.flatMap(genome => [...entriesOf(genome)])
  return {
    // Asked first: it must be known without the tags too.
    count: catalogue.archiveCount,
    genomes: catalogue.genomes.map(({ digest }) => digest),
    entries: [...catalogue.entries()].map(path),
    unlisted: catalogue.unlisted,
    withdrawn: [...catalogue.withdrawn.entries()].map(({ entry }) => path(entry)),
    found: tags.map(({ genome, asset, tag }) => [
      catalogue.genomesWith(asset.name).map(({ digest }) => digest),
      path(catalogue.archive(tag.archiveDigest)),
      path(catalogue.archive(tag.legacyArchiveDigest)),
      path(catalogue.byAssetDigest(tag.assetDigest)),
      genome.aliases.map(alias => [
        catalogue.genome(alias)?.digest,
        catalogue.digestOfAlias(alias),
      ]),
    ]),
  }
}

/** Which tags are controlled, and for whom. */
function decided({ genomes, marks }: GenomeConfig): object {
  const table = new AccessTable(genomes, { configs: [marks] })
  const tags = genomes.flatMap(genome => [...entriesOf(genome)])
  return [table.size, tags.map(entry => table.studiesOf(entry))]
}

const restored = async (config: GenomeConfig) => {
  const read = decodeSnapshot(KEY, await encodeSnapshot(KEY, config))
  if (typeof read === 'string') throw new Error(read)
  return read
}

t.test('a config comes out of a snapshot as it went in, for configs of every shape', async t => {
  let listed = 0
  await fc.assert(
    fc.asyncProperty(GENERATED_CONFIG, async text => {
      const config = parseGenomeConfig(text, FILE)
      for (const view of [plain, lookedUp, decided]) {
        // A config of its own for each view: what one has read would help the next.
        deepStrictEqual(view(await restored(config)), view(config))
      }
      listed += (await restored(config)).genomes.filter(({ outline }) => outline?.allListed).length
    }),
    { numRuns: RUNS, seed: 20261121 },
  )
  t.ok(listed > RUNS / 4, 'genomes that are listed without a look were among them')
})

t.test('the assets of a genome are read when somebody asks for them, once', async t => {
  const tags = { default: { archive_digest: 'a'.repeat(32), archive_size: '1 B' } }
  const config = parseGenomeConfig(
    JSON.stringify({ genomes: { ['0'.repeat(48)]: { assets: { fasta: { tags } } } } }),
    FILE,
  )
  const [genome] = (await restored(config)).genomes
  t.same(genome?.outline, { tags: 1, allListed: true })
  t.equal(genome?.assets, genome?.assets)
  t.notOk('outline' in { ...genome }, 'a genome made of this one does not take it along')
})

t.test('a snapshot counts for its key only', async t => {
  const bytes = await encodeSnapshot(KEY, parseGenomeConfig('genomes: {}\n', FILE))
  t.type(decodeSnapshot(KEY, bytes), 'object')
  for (const other of [
    { version: '1.0.1' },
    { file: '/srv/other.yaml' },
    { identity: '1-2-4' },
    { text: 'b'.repeat(64) },
  ]) {
    t.equal(decodeSnapshot({ ...KEY, ...other }, bytes), 'stale', JSON.stringify(other))
  }
  const older = Buffer.from(bytes.toString().replace('"format":1', '"format":0'))
  t.equal(decodeSnapshot(KEY, older), 'stale')
})

t.test('no damage goes unseen: cut, longer, one bit wrong, or no snapshot at all', async t => {
  const text = `genomes: {${'0'.repeat(48)}: {aliases: [ü], assets: {fasta: {tags: {v1: {asset_path: x}}}}}}`
  const bytes = await encodeSnapshot(KEY, parseGenomeConfig(text, FILE))
  const missed: string[] = []
  const look = (what: string, damaged: Buffer) => {
    if (typeof decodeSnapshot(KEY, damaged) !== 'string') missed.push(what)
  }
  for (let at = 0; at < bytes.length; at += 1) {
    look(`cut at ${at}`, bytes.subarray(0, at))
    for (let bit = 0; bit < 8; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
      look(`bit ${bit} of byte ${at}`, flipped)
    }
  }
  look('longer', Buffer.concat([bytes, Buffer.from('\n')]))
  t.same(missed, [])
  for (const garbage of ['', '\n', 'x', 'null\n', '{"rest":1}\nx', '[]\n', '\0'.repeat(99)]) {
    t.equal(decodeSnapshot(KEY, Buffer.from(garbage)), 'damaged', JSON.stringify(garbage))
  }
})
