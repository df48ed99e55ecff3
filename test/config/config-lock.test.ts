import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { withConfigLock } from '../../src/config/config-lock.ts'

const run = promisify(execFile)

// Processes that count up a number in a file, and how often each does.
const PROCESSES = 4
const TURNS = 25
// How often a lock is taken while somebody looks at it.
const ROUNDS = 300
// A process number that no process has: above the largest that Linux gives.
const NOBODY = 2 ** 22 + 1

t.test('processes and calls take turns, none is lost', async t => {
  const folder = t.testdir({ 'config.yaml': '0' })
  const config = join(folder, 'config.yaml')
  const counter = `
    import { readFile, writeFile } from 'node:fs/promises'
    import { withConfigLock } from './src/config/config-lock.ts'
    const turn = () => withConfigLock(process.argv[1], async () => {
      const count = Number(await readFile(process.argv[1], 'utf8'))
      await writeFile(process.argv[1], String(count + 1))
    }, { waitMs: 60_000 })
    await Promise.all(Array.from({ length: ${TURNS} }, turn))`
  await Promise.all(
    Array.from({ length: PROCESSES }, () =>
      run(process.execPath, [...process.execArgv, '--input-type=module', '-e', counter, config]),
    ),
  )
  t.equal(await readFile(config, 'utf8'), String(PROCESSES * TURNS))
  t.same(await readdir(folder), ['config.yaml'], 'no lock is left')
})

t.test('a lock is never seen without its owner', async t => {
  const folder = t.testdir({ 'c.yaml': '' })
  const config = join(folder, 'c.yaml')
  const seen = new Set<string>()
  let over = false
  const look = () => {
    for (const kind of ['universal', 'write']) {
      try {
        const text = readFileSync(join(folder, `lock-${kind}-c.yaml`), 'utf8')
        seen.add(text.split(' ').slice(0, 2).join(' '))
      } catch {
        // Not taken at this moment.
      }
    }
    // Between any two steps of whoever takes the lock.
    if (!over) setImmediate(look)
  }
  look()
  for (let i = 0; i < ROUNDS; i += 1) await withConfigLock(config, async () => {})
  over = true
  t.same([...seen], [`${hostname()} ${process.pid}`])
})

t.test('a lock of another tool is waited for, and named when it stays', async t => {
  const folder = t.testdir({ 'lock-write-c.yaml': '', 'c.yaml': '' })
  const config = join(folder, 'c.yaml')
  const soon = { waitMs: 200 }
  const locked = {
    code: 'config-locked',
    message: /lock-write-c.yaml has locked the config for \d+ seconds/,
  }
  await t.rejects(
    withConfigLock(config, async () => 'never', soon),
    locked,
  )
  t.same(await readdir(folder), ['c.yaml', 'lock-write-c.yaml'], 'the universal lock is let go')
  setTimeout(() => void rm(join(folder, 'lock-write-c.yaml')), 200)
  t.equal(await withConfigLock(config, async () => 'done'), 'done')
  await writeFile(join(folder, 'lock-read-77-c.yaml'), '')
  await t.rejects(
    withConfigLock(config, async () => 'never', soon),
    { message: /lock-read-77-c.yaml/ },
  )
  setTimeout(() => void rm(join(folder, 'lock-read-77-c.yaml')), 200)
  t.equal(await withConfigLock(config, async () => 'done'), 'done')
})

t.test('a lock whose process has died holds nobody up; that of a living one does', async t => {
  const folder = t.testdir({
    'lock-universal-c.yaml': `${hostname()} ${NOBODY} x\n`,
    'lock-write-c.yaml': `${hostname()} ${NOBODY} x\n`,
  })
  const config = join(folder, 'c.yaml')
  t.equal(await withConfigLock(config, async () => 'done'), 'done')
  t.same(await readdir(folder), [])
  const beside = (name: string, pid: number) =>
    `lock-write-${name}.${encodeURIComponent(hostname())}.${pid}.${randomUUID()}`
  const stay = [
    beside('c.yaml', 1),
    beside('d.yaml', NOBODY),
    'lock-write-c.yaml.mine',
    `lock-write-c.yaml.${encodeURIComponent(hostname())}.mine`,
  ]
  for (const name of [beside('c.yaml', NOBODY), ...stay]) await writeFile(join(folder, name), '')
  t.equal(await withConfigLock(config, async () => 'done'), 'done')
  t.same(
    (await readdir(folder)).sort(),
    stay.sort(),
    'what was left by one that was killed while it took the lock goes',
  )
  for (const owner of [`${hostname()} ${process.pid}`, `${hostname()} 1`, `elsewhere ${NOBODY}`]) {
    await writeFile(join(folder, 'lock-write-c.yaml'), `${owner} x\n`)
    await t.rejects(
      withConfigLock(config, async () => 'never', { waitMs: 100 }),
      { code: 'config-locked' },
    )
  }
})

t.test(
  'the lock is let go when the action fails, and a folder that cannot be written is told',
  async t => {
    const folder = t.testdir({})
    const config = join(folder, 'c.yaml')
    await t.rejects(
      withConfigLock(config, () => Promise.reject(new Error('broken'))),
      { message: 'broken' },
    )
    t.same(await readdir(folder), [])
    await t.rejects(
      withConfigLock('/proc/nowhere/c.yaml', async () => {}),
      { code: 'storage-write-failed' },
    )
  },
)
