/** Output that nobody reads, or that cannot be written. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { servedGenomes } from '../support/served-genomes.ts'

/** Starts a command; what it may write to is said by `stdout`. */
function started(args: readonly string[], stdout: 'pipe' | number) {
  const child = spawn(process.execPath, [...process.execArgv, 'src/cli/main.ts', ...args], {
    env: { ...process.env, REFGENIE: '', REFDEPOT_CLIENT_CONFIG: '/nowhere', NETRC: '/nowhere' },
    stdio: ['ignore', stdout, 'pipe'],
  })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code, stderr }))
  return { child, ended }
}

t.test('a pull whose reader has gone ends as it would have ended', async t => {
  const { url, place } = await servedGenomes(t)
  const out = place('out')
  const { child, ended } = started(
    ['pull', 't7/fasta', 't7/bwa_index', '--server', url, '-o', out, '--json'],
    'pipe',
  )
  // As `head` does once it has enough.
  child.stdout?.destroy()
  t.strictSame(await ended, { code: 0, stderr: '' })
  for (const asset of ['fasta', 'bwa_index']) {
    t.ok((await stat(join(out, 't7', asset))).isDirectory(), asset)
  }
})

t.test('a disk without room for the output', { skip: !existsSync('/dev/full') }, async t => {
  const { url } = await servedGenomes(t)
  const full = await open('/dev/full', 'w')
  const { ended } = started(['ls', '--server', url], full.fd)
  const { code, stderr } = await ended
  await full.close()
  t.equal(code, 1)
  t.match(stderr, /^refdepot: cannot write the output: .*ENOSPC.*\n$/)
})
