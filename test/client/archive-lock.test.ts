import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { withArchiveLock } from '../../src/client/archive-lock.ts'
import { openTarget } from '../../src/client/open-target.ts'
import { filledWith, remoteAsset } from '../support/remote-asset.ts'

/** The text of a lock as this process would write it, of another process or machine. */
async function lockText(t: Test, change: { pid?: number; host?: string; machine?: string }) {
  const path = join(t.testdir({}), 'lock')
  const text = await withArchiveLock(path, () => readFile(path, 'utf8'))
  const [host, pid, id, machine] = text.trim().split(' ')
  const words = [change.host ?? host, change.pid ?? pid, id, change.machine ?? machine]
  return { path, text: `${words.join(' ')}\n` }
}

async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid as number
}

t.test('thirty that place one asset fill once', async t => {
  const folder = t.testdir({})
  let filled = 0
  const waiting: string[] = []
  const actions = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const target = await openTarget(
        { folder, layout: 'refgenie' },
        { onWaiting: (asset, { pid }) => waiting.push(`${asset.registryPath} ${pid}`) },
      )
      const { action } = await target.place(remoteAsset(), async (staging, note) => {
        filled += 1
        await wait(300)
        await filledWith()(staging, note)
      })
      return action
    }),
  )
  t.equal(filled, 1)
  t.same(actions.filter(action => action === 'pulled').length, 1)
  t.ok(waiting.length > 0 && waiting.length < 30)
  t.equal(waiting[0], `t7/fasta:default ${process.pid}`)
  t.same(await readdir(join(folder, 'data/.refdepot/staging')), [])
})

t.test('with force, who has waited takes what the other has just placed', async t => {
  const folder = t.testdir({})
  let filled = 0
  const place = async () => {
    const target = await openTarget({ folder, layout: 'flat' }, { force: true })
    return target.place(remoteAsset(), async (staging, note) => {
      filled += 1
      await wait(300)
      await filledWith()(staging, note)
    })
  }
  await place()
  const both = await Promise.all([place(), place()])
  t.equal(filled, 2)
  t.same(both.map(({ action }) => action).sort(), ['current', 'pulled'])
})

t.test(
  'the lock of a process that has died is taken over at once, by one of all who wait',
  async t => {
    const { path, text } = await lockText(t, { pid: await deadProcess() })
    await writeFile(path, text)
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withArchiveLock(path, async ({ isMine }) => {
          inside += 1
          most = Math.max(most, inside)
          await wait(5)
          t.ok(await isMine())
          inside -= 1
        }),
      ),
    )
    t.equal(most, 1)
    t.same(await readdir(join(path, '..')), [])
  },
)

t.test('what processes leave that are killed while they wait is cleared away', async t => {
  const dead = await lockText(t, { pid: await deadProcess() })
  const living = `${dead.path}.2`
  await writeFile(`${dead.path}.1`, dead.text)
  await writeFile(living, dead.text.replace(/ \d+ /, ` ${process.pid} `))
  await writeFile(join(dead.path, '..', 'other'), dead.text)
  await withArchiveLock(dead.path, async () => {})
  t.same((await readdir(join(dead.path, '..'))).sort(), ['lock.2', 'other'])
})

t.test('the lock of another machine counts as long as its time moves', async t => {
  const { path, text } = await lockText(t, { host: 'elsewhere', pid: await deadProcess() })
  await writeFile(path, text)
  const alive = setInterval(() => utimes(path, new Date(), new Date()), 20)
  let held = false
  const owners: unknown[] = []
  const running = withArchiveLock(
    path,
    async () => {
      held = true
    },
    { silentMs: 400, onWaiting: owner => owners.push(owner.host) },
  )
  await wait(1200)
  t.equal(held, false)
  clearInterval(alive)
  await running
  t.equal(held, true)
  t.same(owners, ['elsewhere'])
})

t.test('a machine of the same name is another one', async t => {
  const { path, text } = await lockText(t, { pid: await deadProcess(), machine: 'else/where' })
  await writeFile(path, text)
  const signal = AbortSignal.timeout(700)
  await t.rejects(
    withArchiveLock(path, async () => {}, { signal }),
    { name: 'AbortError' },
  )
  t.match(text, hostname())
  t.same(await readdir(join(path, '..')), ['lock'], 'who gave up leaves nothing')
})

t.test('what a process left that died while it took a lock over is removed later', async t => {
  const { path, text } = await lockText(t, { pid: await deadProcess() })
  const mark = `${path}.${text.split(' ')[2]}`
  await writeFile(path, text)
  await writeFile(mark, '')
  const before = new Date(Date.now() - 60_000)
  await utimes(mark, before, before)
  t.equal(await withArchiveLock(path, async () => 'mine'), 'mine')
})

t.test('who has lost its lock while it stood still puts nothing in place', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'flat' })
  await t.rejects(
    target.place(remoteAsset(), async (staging, note) => {
      await filledWith()(staging, note)
      await writeFile(`${staging}/../../${remoteAsset().archive.md5}.lock`, 'elsewhere 1 x y\n')
    }),
    { code: 'pull-refused', message: /another process has taken over/ },
  )
  t.same(await readdir(folder), ['.refdepot'])
})

t.test('a folder that cannot hold a lock is told', async t => {
  const path = join(t.testdir({ file: '' }), 'file/lock')
  await t.rejects(
    withArchiveLock(path, async () => {}),
    { code: 'storage-write-failed' },
  )
})
