/** Where `refdepot pull` cannot write: full and read-only file systems, limits, names that meet. Nothing half-made appears under a name. */
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { create } from '../support/create-archives.ts'
import { FaultProxy } from '../support/faults/fault-proxy.ts'
import { type PullSubject, pullSubject } from '../support/faults/pull-run.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { treeOf } from '../support/tree-of.ts'

const MAIN = resolve('dist/cli/main.js')
const SLOW_MS = 6000

const pull = (server: string, out: string, ...more: string[]) => {
  const args = ['pull', 't7/fasta', '--server', server, '-o', out, '--layout', 'flat', ...more]
  return run(process.execPath, [MAIN, ...args])
}

/** A proxy that counts, with bytes of archives that come slowly where that is asked for. */
const before = (t: Test, { origin, files }: PullSubject, isSlow = false) =>
  FaultProxy.start(t, {
    ...{ origin, files, seed: 1, holdMs: SLOW_MS },
    ...{ chance: isSlow ? 1 : 0, kinds: ['slow'] },
  })

/** Bytes of archives that a proxy has sent. */
const archiveBytes = (proxy: FaultProxy, { files }: PullSubject) =>
  proxy.seen.filter(({ path }) => files.test(path)).reduce((sum, { sent }) => sum + sent, 0)

/** A file system of its own, which is let go of at the end of the test. */
async function small(t: Test, megabytes: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-small-'))
  const options = `size=${megabytes}m,mode=777`
  t.match(await run('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]), { code: 0 })
  t.teardown(() => run('umount', [folder]).then(() => rm(folder, { recursive: true })))
  return folder
}

/** Names below a folder but those of the client's own notes. */
const visible = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter(name => !name.startsWith('.refdepot'))

t.test('a disk that is too small is told before any byte of an archive comes', async t => {
  const subject = await pullSubject(t)
  const proxy = await before(t, subject)
  const out = await small(t, 6)
  for (const more of [[], ['--archive']]) {
    const ended = await pull(proxy.url, out, ...more)
    t.match(ended, { code: 1, stderr: /6\.\d+ MB (?:are )?(?:left|free)|free some space/ })
    t.same(await visible(out), [])
  }
  t.equal(archiveBytes(proxy, subject), 0)
})

t.test('a disk that fills up meanwhile: nothing under the name; with room it goes on', async t => {
  const subject = await pullSubject(t)
  const proxy = await before(t, subject, true)
  const out = await small(t, 40)
  for (const more of [[], ['--archive']]) {
    const ended = pull(proxy.url, out, ...more)
    await wait(1500)
    await run('bash', ['-c', 'head -c 60M /dev/zero > "$1/other"', '--', out])
    t.match(await ended, { code: 1, stderr: /ENOSPC|disk is full|no space|free some space/i })
    t.same(await visible(out), ['other'], 'nothing but what filled the disk')
    await rm(join(out, 'other'))
    t.match(await pull(subject.origin, out, ...more), { code: 0 })
    if (more.length === 0) t.strictSame(await treeOf(join(out, 't7/fasta')), subject.tree)
    await rm(join(out, 't7'), { recursive: true })
    await rm(join(out, '.refdepot'), { recursive: true })
  }
})

t.test(
  'a limit for the size of files: nothing under the name, and the next run goes on',
  async t => {
    const subject = await pullSubject(t)
    // The folder of the test is where the server has its archives.
    const top = await mkdtemp(join(tmpdir(), 'refdepot-limited-'))
    t.teardown(() => rm(top, { recursive: true }))
    const out = join(top, 'out')
    const args = [
      't7/fasta',
      '--server',
      subject.origin,
      '-o',
      out,
      '--layout',
      'flat',
      '--archive',
    ]
    // The kernel ends a process that goes beyond it, unless that takes the signal.
    const limited = ['--fsize=5000000', process.execPath, MAIN, 'pull', ...args]
    const ended = await run('prlimit', limited)
    t.match(ended, { code: 1, stderr: /cannot write .*(?:EFBIG|file too large)/i })
    t.same(
      (await visible(out)).filter(name => name.endsWith('.tgz')),
      [],
    )
    t.match(await run(process.execPath, [MAIN, 'pull', ...args]), { code: 0 })
  },
)

t.test('a read-only file system and a folder of somebody else', async t => {
  const subject = await pullSubject(t)
  const proxy = await before(t, subject)
  const out = await small(t, 40)
  await run('mount', ['-o', 'remount,ro', out])
  t.match(await pull(proxy.url, out), { code: 1, stderr: /read-only|EROFS/ })
  const top = await mkdtemp(join(tmpdir(), 'refdepot-nobody-'))
  t.teardown(() => rm(top, { recursive: true }))
  await chmod(top, 0o755)
  await mkdir(join(top, 'out'))
  const args = ['pull', 't7/fasta', '--server', proxy.url, '-o', join(top, 'out')]
  const ids = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const env = { ...process.env, HOME: top }
  const nobody = await run('setpriv', [...ids, process.execPath, MAIN, ...args], { env })
  t.match(nobody, { code: 1, stderr: /EACCES|permission/i })
  t.same([await visible(out), await visible(top)], [[], ['out']])
  t.equal(archiveBytes(proxy, subject), 0, 'both before any byte of an archive')
})

t.test('two assets that would get one name, and names in other letters', async t => {
  const made = await genomeFolder(t, {
    'fasta:default': { files: { 'ünï cödé 中.txt': 'one' } },
    // One name on file systems that take no notice of the case.
    'Fasta:default': { files: { 'b.txt': 'two' } },
  })
  await create(made)
  const origin = await startOurs(t, ['-c', made.serverConfig])
  const out = join(made.genomeFolder, '../zwölf 中')
  const twice = await pull(origin, out, 't7/Fasta')
  t.ok(twice.code !== 0, `ends with ${twice.code}`)
  t.match(
    twice.stderr,
    /fasta:default.*Fasta:default|Fasta:default.*fasta:default/s,
    'both are named',
  )
  t.same(await visible(out).catch(() => []), [], 'before anything is fetched')
  t.match(await pull(origin, out), { code: 0 })
  t.same((await readdir(join(out, 't7/fasta'))).sort(), ['ünï cödé 中.txt'])
})
