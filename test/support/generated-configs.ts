/** Genome configs of every shape that is allowed, for comparing two ways of reading them. */
import fc from 'fast-check'

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const WORD = fc.constantFrom('fasta', 'bwa_index', 'x.y', '7', '1.10', 'constructor', 'ünï', 'a-b')
const TEXT = fc.oneof(
  fc.string(),
  fc.constantFrom('53.45 KB', 'null', '', 'two\nlines', 'é\u2028', '{}'),
)
const MARKS = {
  access: fc.constantFrom('open', 'controlled', '', null),
  study: fc.oneof(fc.constant('S1'), fc.constant(['S1', 'S2']), fc.constant(null)),
}
const SAID = { licence: TEXT, redistribute: fc.constantFrom('yes', 'No'), source: TEXT }
const none = { requiredKeys: [] as never[] }

const TAG = fc.record(
  {
    ...MARKS,
    ...SAID,
    asset_path: TEXT,
    asset_digest: hex(32),
    seek_keys: fc.oneof(fc.dictionary(WORD, TEXT, { maxKeys: 2 }), fc.constant(null)),
    asset_parents: fc.array(TEXT, { maxLength: 2 }),
    tag_description: TEXT,
    archive_digest: hex(32),
    archive_size: fc.constantFrom('1.00 KB', ''),
    legacy_archive_digest: hex(32),
    published_at: fc.constant('2026-01-01T00:00:00.000Z'),
    withdrawn: fc.constantFrom(null, { reason: 'wrong', at: '2026-01-02T00:00:00.000Z' }),
    unknown: fc.constantFrom('x', ['y']),
  },
  none,
)
// Most tags of a true config are archived, so that genomes come that are listed as a whole.
const ARCHIVED = fc.record({
  asset_path: WORD,
  asset_digest: hex(32),
  archive_digest: hex(32),
  archive_size: fc.constant('1.00 KB'),
})
const ASSET = fc.record(
  {
    ...MARKS,
    ...SAID,
    asset_description: fc.oneof(TEXT, fc.constant(null)),
    default_tag: WORD,
    tags: fc.dictionary(WORD, fc.oneof(ARCHIVED, ARCHIVED, TAG, fc.constant(null)), { maxKeys: 3 }),
  },
  none,
)
const PLAIN_ASSET = fc.record({ tags: fc.dictionary(WORD, ARCHIVED, { minKeys: 1, maxKeys: 3 }) })
const GENOME = fc.record(
  {
    ...MARKS,
    ...SAID,
    aliases: fc.array(fc.constantFrom('hg38', 't7', 'mouse', 'ü'), { maxLength: 2 }),
    genome_description: TEXT,
    genome_digest: hex(48),
    assets: fc.dictionary(WORD, fc.oneof(ASSET, PLAIN_ASSET, fc.constant(null)), { maxKeys: 3 }),
  },
  none,
)
const PLAIN_GENOME = fc.record({
  aliases: fc.array(fc.constantFrom('rat', 'fly'), { maxLength: 1 }),
  assets: fc.dictionary(WORD, PLAIN_ASSET, { minKeys: 1, maxKeys: 3 }),
})

/** The text of a config: JSON, which is YAML too. */
export const GENERATED_CONFIG: fc.Arbitrary<string> = fc
  .record(
    {
      config_version: fc.constantFrom('0.3', '0.4'),
      genome_folder: fc.constant('genomes'),
      genome_archive_config: fc.constant('server/c.yaml'),
      genome_servers: fc.constantFrom('http://a.org/', ['http://a.org', 'http://b.org//']),
      remotes: fc.constantFrom({ http: { prefix: 'http://r.org' } }, { s3: { description: 'x' } }),
      genomes: fc.dictionary(hex(48), fc.oneof(PLAIN_GENOME, GENOME, fc.constant(null)), {
        maxKeys: 4,
      }),
      refdepot: fc.constantFrom({ title: 'x', port: '1' }, null),
      stray: fc.constant('z'),
    },
    { requiredKeys: ['genomes'] },
  )
  .map(config => JSON.stringify(config))
