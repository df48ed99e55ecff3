import { deepStrictEqual } from 'node:assert'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { ConfigReader } from '../../src/archive/config-reader.ts'
import { StoredGenome } from '../../src/domain/stored-genome.ts'
import { GENERATED_CONFIG } from '../support/generated-configs.ts'
import { startApp } from '../support/start-app.ts'

const RUNS = 25
const WORDS = ['fasta', 'bwa_index', 'x.y', '7', '1.10', 'constructor', 'ünï', 'a-b']
const ALIASES = ['hg38', 't7', 'mouse', 'ü', 'rat', 'fly']

/** Everything that can be asked of API v3 about these genomes, from the document itself. */
function questions(routes: readonly string[], genomes: readonly string[]): string[] {
  const values: Record<string, readonly string[]> = {
    genome: genomes,
    asset: WORDS,
    alias: ALIASES,
    tag: ['default', ...WORDS],
    seek_key: ['dir', 'fasta'],
  }
  return routes.flatMap(route =>
    route
      .split('/')
      .reduce<string[]>(
        (made, part) => {
          const choices = part.startsWith(':') ? (values[part.slice(1)] ?? ['x']) : [part]
          return made.flatMap(begin => choices.map(end => `${begin}/${encodeURIComponent(end)}`))
        },
        [''],
      )
      .map(path => path.slice(1)),
  )
}

t.test(
  'a server that starts from a snapshot answers API v3 as one that reads the config',
  async t => {
    const folder = t.testdir({})
    let answered = 0
    let warm = 0
    const property = fc.asyncProperty(GENERATED_CONFIG, async text => {
      const place = await mkdtemp(join(folder, 'c-'))
      const config = join(place, 'genome_config.yaml')
      await writeFile(config, text)
      const readers = [1, 2].map(
        () => new ConfigReader({ version: '1', keeps: true, folder: place }),
      )
      const answers: unknown[] = []
      await t.test('', { silent: true }, async t => {
        for (const reader of readers) {
          const routes: string[] = []
          const { app, depot } = await startApp(
            t,
            { config, archiveFolder: place, readConfig: path => reader.read(path) },
            {},
            {
              onRoute: (method, url) =>
                method === 'GET' && url.startsWith('/v3/') && routes.push(url),
            },
          )
          await reader.keep(place)
          warm += depot.current.source.genomes.some(genome => genome instanceof StoredGenome)
            ? 1
            : 0
          const asked = questions(routes, [
            ...Object.keys(JSON.parse(text).genomes),
            '0'.repeat(48),
          ])
          const made = []
          for (const url of asked) {
            const { statusCode, payload } = await app.inject(url)
            if (statusCode === 200) answered += 1
            made.push({ url, statusCode, payload })
          }
          answers.push(made)
        }
      })
      deepStrictEqual(answers[1], answers[0])
    })
    await fc.assert(property, { numRuns: RUNS, seed: 20261121 })
    t.ok(warm > RUNS / 2, 'most of them were taken from snapshots')
    t.ok(answered > RUNS * 10, 'and asked for what is there')
  },
)
