import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'
import { EXAMPLE, EXAMPLE_FLAGS, T7_FASTA } from '../support/example-folder.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'

const LINES = [22, 24]
const serve = EXAMPLE_FLAGS
const md5 = createHash('md5')
  .update(await readFile(join(EXAMPLE, T7_FASTA)))
  .digest('hex')

for (const line of LINES) {
  t.test(`the server runs on Node.js ${line}`, async t => {
    const node = resolve(`.peers/node-${line}/node_modules/node/bin/node`)
    t.match((await run(node, ['--version'])).stdout, new RegExp(`^v${line}\\.`))
    const checked = await run(node, ['dist/cli/main.js', 'serve', ...serve, '--check', '--deep'])
    t.match(checked, { code: 0, stdout: /the folder is sound/ })
    const server = await startOurs(t, serve, node)
    const answer = await fetch(`${server}/t7/assets/fasta/archive`)
    t.equal(answer.headers.get('etag'), `"${md5}"`)
    const got = createHash('md5')
      .update(Buffer.from(await answer.arrayBuffer()))
      .digest('hex')
    t.equal(got, md5)
    const part = await fetch(`${server}/t7/assets/fasta/archive`, {
      headers: { range: 'bytes=0-9' },
    })
    t.equal(part.status, 206)
    t.match(await (await fetch(server)).text(), /<h1>/)
    t.equal((await fetch(`${server}/openapi.json`)).status, 200)
  })
}
