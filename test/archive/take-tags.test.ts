/** Tags of another place appear in an archive folder with their files, or not at all. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { configOfFolder, takeTags } from '../../src/archive/take-tags.ts'
import { T7 } from '../support/genome-fixtures.ts'

const tag = { archive_digest: 'a'.repeat(32), archive_size: '1 B' }
const source = {
  genomes: { [T7]: { aliases: ['t7'], assets: { fasta: { tags: { default: tag } } } } },
}
const name = { genome: T7, asset: 'fasta', tag: 'default' }

t.test('a tag comes, and goes', async t => {
  const archiveFolder = join(t.testdir({}), 'archives')
  const folder = { archiveFolder, configFile: join(archiveFolder, 'genome_config.yaml') }
  t.same(await configOfFolder(folder), { config_version: '0.4', genomes: {} })
  await takeTags(folder, { source, tags: [name], moves: [] })
  const before = await readFile(folder.configFile, 'utf8')
  t.match(before, /published_at/)
  await takeTags(folder, { source, tags: [name, { ...name, tag: 'unknown' }], moves: [] })
  t.equal(await readFile(folder.configFile, 'utf8'), before, 'again: nothing changes')
  const file = join(archiveFolder, 'old')
  await writeFile(file, 'x')
  await takeTags(folder, { source, tags: [], moves: [], gone: [name], removals: [file] })
  t.same(await configOfFolder(folder), { config_version: '0.4', genomes: {} })
  await t.rejects(readFile(file))
})

t.test('a folder that cannot be made', async t => {
  const archiveFolder = join(t.testdir({ file: 'x' }), 'file', 'archives')
  const folder = { archiveFolder, configFile: join(archiveFolder, 'genome_config.yaml') }
  const taken = takeTags(folder, { source, tags: [name], moves: [] })
  await t.rejects(taken, { code: 'storage-write-failed' })
})
