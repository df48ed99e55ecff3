/** The life of published tags in a real S3-compatible bucket: they stay, are withdrawn, and are written down in releases. */
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolderIn } from '../support/genome-folder.ts'
import { serveFrom } from '../support/peers/bucket.ts'
import { run } from '../support/peers/run.ts'
import { startS3 } from '../support/peers/versitygw.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

/** Two machines with different content under the same name, a bucket, and a server of it. */
async function withBucket(t: Test) {
  const top = folderRemovedLast(t)
  const machine = async (name: string, spec: Record<string, string>) => {
    const tags = Object.entries(spec).map(([tag, text]) => [tag, { files: { 'x.txt': text } }])
    const made = await genomeFolderIn(join(top, name), Object.fromEntries(tags), ['t7'])
    await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
    return made
  }
  const first = await machine('first', { 'x:v1': 'one', 'x:v2': 'two' })
  const second = await machine('second', { 'x:v1': 'other', 'x:v3': 'three' })
  const s3 = await startS3(t)
  const place = `s3://${s3.bucket}/refs`
  const command = (...args: string[]) =>
    run(process.execPath, ['dist/cli/main.js', ...args, '--store', place], {
      env: { ...process.env, REFGENIE: '', ...s3.env },
    })
  const serve = () => serveFrom(t, s3, place)
  return { first, second, s3, place, command, serve }
}

async function settled(url: string, wanted: number): Promise<void> {
  for (let i = 0; i < 100 && (await fetch(url)).status !== wanted; i += 1)
    await new Promise(done => setTimeout(done, 100))
  if ((await fetch(url)).status !== wanted) throw new Error(`${url} is not ${wanted}`)
}

const archivesIn = async (folder: string) =>
  (await readdir(folder, { recursive: true }).catch(() => [])).filter(name => name.endsWith('.tgz'))

t.test('a tag keeps its archive, whoever comes with another one', async t => {
  const { first, second, command, s3 } = await withBucket(t)
  t.match(await command('push', '-c', first.config, 't7/x:v1'), { code: 0 })
  const refused = await command('push', '-c', second.config)
  t.match(refused, {
    code: 1,
    stdout: '',
    stderr: /x:v1 is published with the archive \w{32} and stays so/,
  })
  t.equal((await archivesIn(s3.folder)).length, 1, 'nothing was sent')
  const both = await Promise.all([
    command('push', '-c', first.config, 't7/x:v2'),
    command('push', '-c', second.config, 't7/x:v3'),
  ])
  for (const { code, stderr } of both) t.equal(code, 0, `other tags come together ${stderr}`)
})

t.test('of two machines that publish one tag at once, exactly one wins', async t => {
  const { first, second, command } = await withBucket(t)
  for (let round = 0; round < 3; round += 1) {
    const results = await Promise.all(
      [first, second].map(({ config }) => command('push', '-c', config, 't7/x:v1')),
    )
    const codes = results.map(({ code }) => code).sort()
    t.same(codes, [0, 1])
    t.match(results.find(({ code }) => code === 1)?.stderr, /x:v1 is published with the archive/)
  }
})

t.test('servers of a bucket follow withdrawals, latest and releases', async t => {
  const { first, second, command, serve, s3 } = await withBucket(t)
  t.match(await command('push', '-c', first.config), { code: 0 })
  const made = await command('release', 'create', '2026.1', '--json')
  t.equal(made.code, 0, made.stderr)
  const server = await serve()
  // biome-ignore lint/suspicious/noExplicitAny: answers of any form
  const json = async (path: string): Promise<any> => (await fetch(server + path)).json()
  const asTag = async () => (await json('/t7/assets/x?tag=latest')).tag
  const release = await json('/releases/2026.1')
  t.match(release, { generation: 1, entries: [{ tag: 'v1', available: true }, { tag: 'v2' }] })
  const [entry] = release.entries
  t.equal((await (await fetch(entry.archive.url)).arrayBuffer()).byteLength, entry.archive.size)
  t.match(await command('push', '-c', second.config, 't7/x:v3'), { code: 0 })
  await settled(`${server}/t7/assets/x:v3`, 200)
  t.equal(await asTag(), 'v3')
  const withdrawn = await command(
    'withdraw',
    't7/x:v3',
    '--reason',
    'wrong',
    '--successor',
    't7/x:v2',
  )
  t.match(withdrawn, { code: 0, stdout: `withdrawn ${T7}/x:v3: generation 3\n` })
  await settled(`${server}/t7/assets/x:v3/archive`, 410)
  t.equal(await asTag(), 'v2')
  t.match(await json(`/v3/assets/archive/${T7}/x?tag=v3`), { code: 'withdrawn', detail: /wrong/ })
  t.match(await json('/t7/assets/x:v3'), { successor: { url: `${server}/${T7}/assets/x?tag=v2` } })
  t.match(await command('withdraw', 't7/x:v1', '--reason', 'old'), { code: 0 })
  await settled(`${server}/archives/${entry.archive.sha256}`, 410)
  const after = (await json('/releases/2026.1')).entries
  t.match(after, [{ available: false, withdrawn: { reason: 'old' } }, { available: true }])
  t.match(await command('rollback', '1'), {
    code: 0,
    stdout: /^generation 5 is served now: generation 1 without/,
  })
  await settled(`${server}/t7/assets/x:v2`, 200)
  t.equal((await fetch(`${server}/t7/assets/x:v1`)).status, 410, 'and stays withdrawn')
  t.equal((await fetch(`${server}/t7/assets/x:v3`)).status, 410)
  t.match(await command('release', 'create', '2026.2', 't7/x:v2'), { code: 0 })
  await settled(`${server}/releases/2026.2`, 200)
  t.match(await command('release', 'create', '2026.1'), { code: 1, stderr: /never change/ })
  t.match(await command('release', 'diff', '2026.1', '2026.2'), { stdout: /^removed {2}t7\/x:v1/ })
  await writeFile(join(s3.folder, 'refs/releases/odd.json'), '{}')
  await rm(first.archiveFolder, { recursive: true })
  t.match(await command('release', 'list'), { code: 0, stdout: /2026\.2[\s\S]*2026\.1/ })
})
