/** Our metalinks in the hands of a stranger: aria2 resumes by them, and repairs single pieces. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { until } from '../support/until.ts'

const MB = 1024 * 1024
const PIECE = 4 * MB
const ARCHIVE = 'big__default.tgz'
// In a control file of aria2, behind its version and extensions.
const INFO_HASH_LENGTH_AT = 6
const DAMAGED_AT = 3 * PIECE + 12_345
// Quiet, without a control file of the metalink, and without space taken beforehand: then a part of the file is a part of the bytes.
const ARIA2 = [
  '-q',
  '--no-conf',
  '--file-allocation=none',
  '--auto-save-interval=1',
  '--max-tries=3',
  '--timeout=30',
]

/** Our server over an archive of 41 MB, behind a proxy that counts. */
async function served(t: Test) {
  const made = await genomeFolder(t, {
    'big:default': { files: { 'random.bin': randomBytes(41 * MB) } },
    'small:default': { files: { 'a.txt': 'a' } },
  })
  await createArchives(await openTarget(made.config), { registryPaths: [] })
  const direct = await startOurs(t, ['-c', made.serverConfig])
  const proxy = await faultyProxy(t, direct, [])
  const bytes = await readFile(join(made.archiveFolder, T7, ARCHIVE))
  const md5 = createHash('md5').update(bytes).digest('hex')
  const cwd = join(made.archiveFolder, '..', 'downloads')
  await mkdir(cwd)
  return { ...proxy, cwd, bytes, md5 }
}

/** Bytes of archives that have passed the proxy, in how many answers. */
function archiveBytes(all: readonly { readonly path: string; readonly bytes: number }[]) {
  const archives = all.filter(({ path }) => /^\/archives\/[0-9a-f]+$/.test(path))
  return {
    requests: archives.length,
    bytes: archives.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** How many pieces aria2 has according to its control file ("control file format" of its technical notes). */
function donePieces(control: Buffer): number {
  // Behind the info hash: the lengths of a piece, of the file, and of what was uploaded.
  const lengthAt = INFO_HASH_LENGTH_AT + 4 + control.readUInt32BE(INFO_HASH_LENGTH_AT) + 20
  const field = control.subarray(lengthAt + 4, lengthAt + 4 + control.readUInt32BE(lengthAt))
  const bits = [...field].map(byte => byte.toString(2)).join('')
  return bits.replaceAll('0', '').length
}

t.test('aria2 downloads, goes on after a kill, and repairs one piece', async t => {
  const { url, served: seen, cwd, bytes, md5 } = await served(t)
  const file = join(cwd, ARCHIVE)
  const metalink = `${url}/archives/${md5}.meta4`
  const aria2 = (...flags: string[]) =>
    run('aria2c', [...ARIA2, '--follow-metalink=mem', ...flags, metalink], { cwd })

  const slow = ['--follow-metalink=mem', '--max-overall-download-limit=8M', metalink]
  const child = spawn('aria2c', [...ARIA2, ...slow], { cwd, stdio: 'ignore' })
  const ended = once(child, 'exit')
  await until('aria2 has noted two pieces', async () => {
    const isNoted = donePieces(await readFile(`${file}.aria2`)) >= 2
    return isNoted && archiveBytes(seen).bytes > 2 * PIECE
  })
  child.kill('SIGKILL')
  await ended
  t.ok((await stat(file)).size > 0, 'a part is there')
  t.notOk((await readFile(file)).equals(bytes), 'but not all')
  t.ok(archiveBytes(seen.splice(0)).bytes > PIECE)
  const again = await aria2()
  t.equal(again.code, 0, again.stdout)
  t.ok((await readFile(file)).equals(bytes), 'the same bytes')
  const { bytes: more } = archiveBytes(seen.splice(0))
  t.ok(more < bytes.length, 'what was there was not fetched again')

  const handle = await open(file, 'r+')
  await handle.write(Buffer.from('damaged'), 0, 7, DAMAGED_AT)
  await handle.close()
  const repaired = await aria2('-V')
  t.equal(repaired.code, 0, repaired.stdout)
  t.ok((await readFile(file)).equals(bytes), 'repaired')
  t.same(archiveBytes(seen), { requests: 1, bytes: PIECE }, 'by one piece, fetched once')
})

t.test('aria2 and sha256sum take the manifests that are made for them', async t => {
  const { url, cwd, bytes } = await served(t)
  const refdepot = async (...args: string[]) => {
    const made = await run(process.execPath, ['dist/cli/main.js', 'manifest', ...args])
    t.equal(made.code, 0, made.stderr)
    return made.stdout
  }
  const create = (format: string) => refdepot('create', '--server', url, '--format', format)
  const names = ['t7__big__default.tgz', 't7__small__default.tgz']
  // The sums are there when the server has looked at its archives.
  let sums = ''
  for (let tries = 0; tries < 100 && sums === ''; tries += 1) {
    const asked = ['manifest', 'create', '--server', url, '--format', 'sha256']
    const made = await run(process.execPath, ['dist/cli/main.js', ...asked])
    sums = made.stdout
    if (made.code !== 0) await wait(100)
  }
  for (const [format, flag] of [
    ['aria2', '-i'],
    ['meta4', '-M'],
  ] as const) {
    const folder = join(cwd, format)
    await mkdir(folder)
    const list = join(folder, 'list')
    await writeFile(list, await create(format))
    const fetched = await run('aria2c', [...ARIA2, flag, list], { cwd: folder })
    t.equal(fetched.code, 0, fetched.stdout)
    t.ok((await readFile(join(folder, names[0] as string))).equals(bytes))
    const checked = await run('sha256sum', ['-c', '-'], { cwd: folder, input: sums })
    t.match(checked, { code: 0, stdout: `${names[0]}: OK\n${names[1]}: OK\n` })
  }
})
