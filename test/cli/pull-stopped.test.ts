/** A pull that is told to stop, as a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { runHere } from '../support/run-here.ts'
import { servedGenomes } from '../support/served-genomes.ts'

/** A server before another one that stops sending an archive after so many bytes, and says so. */
async function stallingAfter(t: Test, url: string, most: number) {
  let stalled = () => {}
  const isStalled = new Promise<void>(done => {
    stalled = done
  })
  const server = createServer((request, response) => {
    const { method, headers } = request
    const onward = ask(`${url}${request.url}`, { method: method ?? 'GET', headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      const isArchive = /^\/archives\/[0-9a-f]+$/.test(request.url ?? '')
      const start = Number(/^bytes=(\d+)/.exec(headers.range ?? '')?.[1] ?? 0)
      if (!isArchive || start < most) answer.pipe(response)
      else {
        answer.destroy()
        stalled()
      }
    })
    onward.on('error', () => response.destroy())
    // Whoever is stopped takes nothing more.
    response.on('close', () => onward.destroy())
    onward.end()
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, isStalled }
}

/** Waits until a journal below a folder names a part that is in place. */
async function somethingDone(folder: string): Promise<void> {
  for (;;) {
    const names = await readdir(folder, { recursive: true })
    const journal = names.find(name => name.endsWith('.journal'))
    const text = journal === undefined ? '' : await readFile(join(folder, journal), 'utf8')
    if (/^\d+$/m.test(text)) return
    await wait(50)
  }
}

t.test('ends in good order, and goes on the next time', { timeout: 120_000 }, async t => {
  const { url, place } = await servedGenomes(t, {
    'star:default': { files: { 'index.bin': noise(21_000_000) } },
  })
  const slow = await stallingAfter(t, url, 8 * 1024 * 1024)
  const out = place('out')
  const args = ['pull', 't7/star', '-o', out, '--layout', 'flat']
  const child = spawn(
    process.execPath,
    [...process.execArgv, 'src/cli/main.ts', ...args, '--jobs', '2', '--server', slow.url],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  await slow.isStalled
  await somethingDone(join(out, '.refdepot/staging'))
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  t.equal(code, 130)
  t.match(stderr, /stopped; what has arrived is kept, and the same command goes on from there/)
  t.same(await stat(join(out, 't7/star')).catch(({ code }) => code), 'ENOENT')
  t.ok((await readdir(join(out, '.refdepot/staging'))).length > 0, 'something is kept')
  const next = await runHere([...args, '--json', '--server', url])
  t.equal(next.code, 0, next.stderr)
  const summary = JSON.parse(next.stdout.trim().split('\n').at(-1) as string)
  t.match(summary, { event: 'summary', pulled: 1 })
  t.ok(summary.resumed > 0, `${summary.resumed} bytes were there`)
  t.ok(await stat(join(out, 't7/star/index.bin')))
})
