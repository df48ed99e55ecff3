import { spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'
import { until } from '../support/until.ts'

const ARCHIVE_BYTES = 200 * 1024 * 1024
const RATE = '20M'
const PART = 5 * 1024 * 1024

const bytes = randomFillSync(Buffer.alloc(ARCHIVE_BYTES))
const md5 = createHash('md5').update(bytes).digest('hex')
const sha256 = createHash('sha256').update(bytes).digest('hex')

/** Our server over one large archive; answers its native URL. */
async function largeServer(t: Test): Promise<{ folder: string; asset: string }> {
  const folder = folderRemovedLast(t, {
    archives: {
      [T7]: {},
      'genome_config.yaml': `genomes:
  ${T7}:
    aliases: [t7]
    assets:
      big:
        tags:
          default: {archive_digest: ${md5}, archive_size: 200.00 MB}
`,
    },
  })
  await writeFile(join(folder, 'archives', T7, 'big__default.tgz'), bytes)
  const server = await startOurs(t, ['-c', join(folder, 'archives/genome_config.yaml')])
  return { folder, asset: `${server}/t7/assets/big` }
}

// Each is run until it has part of the file, killed, and run again.
const TOOLS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'curl',
    ['-fsS', '-C', '-', '-o', 'out.tgz', '--limit-rate', RATE],
    ['-fsS', '-C', '-', '-o', 'out.tgz'],
  ],
  ['wget', ['-q', '-c', '-O', 'out.tgz', `--limit-rate=${RATE}`], ['-q', '-c', '-O', 'out.tgz']],
  [
    'aria2c',
    [
      '-q',
      '-x8',
      '-s8',
      '-k1M',
      '-o',
      'out.tgz',
      '--auto-save-interval=1',
      '--file-allocation=none',
      `--max-overall-download-limit=${RATE}`,
    ],
    ['-q', '-x8', '-s8', '-k1M', '-c', '-o', 'out.tgz'],
  ],
]

t.test('download tools resume after a kill and end with the same bytes', async t => {
  const { folder, asset } = await largeServer(t)
  const out = join(folder, 'out.tgz')
  for (const [tool, slow, fast] of TOOLS) {
    await rm(out, { force: true })
    const child = spawn(tool, [...slow, `${asset}/archive`], { cwd: folder, stdio: 'ignore' })
    const ended = once(child, 'exit')
    await until(`${tool} has a part`, async () => {
      const isNoted = tool !== 'aria2c' || (await stat(`${out}.aria2`)).size > 0
      return isNoted && (await stat(out)).blocks * 512 >= PART
    })
    child.kill('SIGKILL')
    await ended
    const { blocks } = await stat(out)
    t.ok(blocks * 512 > 0 && blocks * 512 < ARCHIVE_BYTES, `${tool} was killed half-way`)
    const resumed = await run(tool, [...fast, `${asset}/archive`], { cwd: folder })
    t.equal(resumed.code, 0, `${tool} ${resumed.stderr}`)
    const hash = createHash('sha256')
      .update(await readFile(out))
      .digest('hex')
    t.equal(hash, sha256, tool)
  }
})

t.test('the published checksums pass by the tools people have', async t => {
  const { folder, asset } = await largeServer(t)
  await writeFile(join(folder, 'big__default.tgz'), bytes)
  for (const [algorithm, tool] of [
    ['sha256', 'sha256sum'],
    ['md5', 'md5sum'],
  ] as const) {
    let answer = await fetch(`${asset}/checksums?algorithm=${algorithm}`)
    while (answer.status === 503) {
      t.equal(answer.headers.get('retry-after'), '10')
      await answer.arrayBuffer()
      await wait(100)
      answer = await fetch(`${asset}/checksums?algorithm=${algorithm}`)
    }
    const checked = await run(tool, ['-c', '-'], { cwd: folder, input: await answer.text() })
    t.match(checked, { code: 0, stdout: /big__default\.tgz: OK/ })
  }
})
