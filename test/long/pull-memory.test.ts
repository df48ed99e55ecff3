/** Memory of `refdepot pull` with a manifest of ten thousand archives: a bound, not a timing. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

// The full count; without REFDEPOT_TEST_FULL a tenth of it.
const ALL_ROWS = 10_000
const ROWS = process.env.REFDEPOT_TEST_FULL === '1' ? ALL_ROWS : ALL_ROWS / 10
const ASSETS = 100
const MOST_MEGABYTES = 150
const MAIN = 'dist/cli/main.js'

/** So many small archives, each with other bytes, and the config of their folder. */
async function manyArchives(folder: string): Promise<string> {
  const genomes: string[] = ['genomes:']
  for (let at = 0; at < ROWS; at += ASSETS) {
    const digest = createHash('sha512').update(String(at)).digest('hex').slice(0, 48)
    await mkdir(join(folder, digest), { recursive: true })
    genomes.push(`  '${digest}':`, `    aliases: [g${at}]`, '    assets:')
    for (let i = 0; i < ASSETS; i += 1) {
      const bytes = `archive ${at + i}`
      const md5 = createHash('md5').update(bytes).digest('hex')
      await writeFile(join(folder, digest, `a${i}__default.tgz`), bytes)
      const tag = `{archive_digest: ${md5}, archive_size: ${bytes.length}.00 B}`
      genomes.push(`      a${i}:`, `        tags: {default: ${tag}}`)
    }
  }
  const config = join(folder, 'genome_config.yaml')
  await writeFile(config, `${genomes.join('\n')}\n`)
  return config
}

t.test(`${ROWS} of ${ALL_ROWS} rows need less than ${MOST_MEGABYTES} MB`, async t => {
  const folder = folderRemovedLast(t)
  const server = await startOurs(t, ['-c', await manyArchives(join(folder, 'archives'))])
  const manifest = join(folder, 'm.tsv')
  const all = Array.from({ length: ROWS / ASSETS }, (_, i) => ['--genome', `g${i * ASSETS}`]).flat()
  const made = await run(process.execPath, [
    ...[MAIN, 'manifest', 'create', '--server', server, ...all],
  ])
  t.match(made, { code: 0 }, made.stderr.slice(-500))
  await writeFile(manifest, made.stdout)
  const out = join(folder, 'out')
  const pull = [MAIN, 'pull', '--manifest', manifest, '--server', server, '-o', out]
  const more = ['--layout', 'digest', '--archive', '--quiet']
  // Without what tap has every process load for its own, some 20 MB; it adds that to any environment that is given, so it is taken out behind it.
  const plain = ['-u', 'NODE_OPTIONS', '/usr/bin/time', '-f', 'most %M kB', process.execPath]
  const { code, stderr } = await run('/usr/bin/env', [...plain, ...pull, ...more])
  t.equal(code, 0, stderr.slice(-500))
  const archives = (await readdir(out)).filter(name => name.endsWith('.tgz'))
  t.equal(archives.length, ROWS)
  const megabytes = Number(/most (\d+) kB/.exec(stderr)?.[1]) / 1024
  t.comment(`${ROWS} rows: ${megabytes.toFixed(0)} MB at most`)
  t.ok(megabytes < MOST_MEGABYTES, `${megabytes} MB`)
})
