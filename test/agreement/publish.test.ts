/** From a laptop to everybody, with a real bucket between: parts past the server, broken-off uploads, and the real client that pulls what was published. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { PROGRAM, serveFrom } from '../support/peers/bucket.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { partsIn } from '../support/peers/part-gate.ts'
import { type Ran, run } from '../support/peers/run.ts'
import { PYTHON_BIN } from '../support/peers/servers.ts'
import { startS3 } from '../support/peers/versitygw.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const LAPTOP_TO_PUBLIC_SECONDS = 300

/** Two servers over an empty bucket and one database of tokens, and a laptop with a token. */
async function installation(t: Test, ...more: string[]) {
  const home = folderRemovedLast(t)
  const s3 = await startS3(t)
  const watched = await faultyProxy(t, s3.endpoint, [])
  const state = join(home, 'state.sqlite')
  const command = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
    run(process.execPath, [PROGRAM, ...args], { env: { ...process.env, ...env } })
  const made = await command([
    'token',
    'create',
    '--state',
    state,
    '--name',
    'w',
    '--scope',
    'write:seven/*',
  ])
  const token = made.stdout.trim()
  const place = `s3://${s3.bucket}/refs`
  const args = [
    '--accept-uploads',
    'true',
    '--state',
    state,
    '--store-endpoint',
    watched.url,
    ...more,
  ]
  const servers = [await serveFrom(t, s3, place, args), await serveFrom(t, s3, place, args)]
  await writeFile(join(home, 't7.fa'), gunzipSync(await readFile('scripts/peers/t7.fa.gz')))
  await mkdir(join(home, 'big'))
  await writeFile(join(home, 'big/index.bin'), noise(60_000_000))
  const publish = (path: string, as: string, ...flags: string[]) =>
    command(['publish', join(home, path), '--as', as, '--server', servers[0] as string, ...flags], {
      REFDEPOT_TOKEN: token,
    })
  return { home, s3, watched, state, servers, token, publish, command }
}

const names = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter(name => /\.tgz$|\.json$|uploads/.test(name))

t.test(
  'published in one command, pulled by the real client, equal to what samtools and refgenie make',
  async t => {
    const { publish, home, servers, watched, s3 } = await installation(t)
    const begun = Date.now()
    const done = await publish('t7.fa', 'seven/fasta:v1')
    t.equal(done.code, 0, done.stderr)
    const answer = await fetch(`${servers[0]}/seven/assets/fasta/archive`)
    t.equal(answer.status, 200)
    await answer.arrayBuffer()
    t.ok((Date.now() - begun) / 1000 < LAPTOP_TO_PUBLIC_SECONDS)
    t.ok(
      watched.seen.some(line => line.startsWith('PUT')),
      'the archive went to the store, not through the server',
    )
    t.same([...new Set(watched.headers.map(({ authorization }) => authorization))], [undefined])
    t.notOk(
      (await names(s3.folder)).some(name => name.includes('uploads/')),
      'nothing is left of the upload',
    )
    const python = `import refgenconf.seqcol as s; print(s.fasta_seqcol_digest('${home}/t7.fa')[0])`
    t.match((await run(`${PYTHON_BIN}/python`, ['-c', python])).stdout, T7)
    const client = join(home, 'client')
    await mkdir(client)
    const env = {
      ...process.env,
      REFGENIE: join(client, 'c.yaml'),
      PATH: `${PYTHON_BIN}:${process.env.PATH}`,
    }
    const refgenie = (...args: string[]) => run(`${PYTHON_BIN}/refgenie`, args, { env })
    await refgenie('init', '-c', join(client, 'c.yaml'), '-s', servers[1] as string)
    const pulled = await refgenie('pull', '-b', 'seven/fasta:v1')
    t.equal(pulled.code, 0, pulled.stderr)
    const seek = (await refgenie('seek', 'seven/fasta.fasta:v1')).stdout.trim()
    t.ok((await readFile(seek)).equals(await readFile(join(home, 't7.fa'))))
    const fai = await readFile(`${seek}.fai`, 'utf8')
    await run('samtools', ['faidx', join(home, 't7.fa')])
    t.equal(fai, await readFile(join(home, 't7.fa.fai'), 'utf8'))
  },
)

t.test('killed while it sends: it goes on, on the other server too', async t => {
  const { home, servers, token, s3, watched, command } = await installation(t)
  const args = (server: number) => [
    'publish',
    join(home, 'big'),
    '--as',
    'seven/big:v1',
    '--genome-digest',
    T7,
    '--server',
    servers[server] as string,
  ]
  const halfWay = watched.gate.close(2)
  const child = spawn(process.execPath, [PROGRAM, ...args(0)], {
    env: { ...process.env, REFDEPOT_TOKEN: token },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  await Promise.race([halfWay, ended])
  child.kill('SIGKILL')
  await ended
  watched.gate.open()
  t.equal((await partsIn(s3.folder)).length, 2)
  t.notOk(
    (await names(s3.folder)).some(name => name.endsWith('.tgz')),
    'half of it is not to be seen',
  )
  t.equal((await fetch(`${servers[0]}/seven/assets/big/archive`)).status, 404)
  const healed = await command(args(1), { REFDEPOT_TOKEN: token })
  t.equal(healed.code, 0, healed.stderr)
  const first = /sent ([\d.]+) MB/.exec(healed.stderr)?.[1]
  t.ok(Number(first) > 16, `the first thing it tells is ${first} MB`)
  for (const server of servers) {
    const url = `${server}/seven/assets/big/files/index.bin`
    for (let i = 0; i < 50 && (await fetch(url, { method: 'HEAD' })).status !== 200; i += 1)
      await new Promise(go => setTimeout(go, 100))
    const body = Buffer.from(await (await fetch(url)).arrayBuffer())
    t.ok(body.equals(await readFile(join(home, 'big/index.bin'))))
  }
})

t.test('through the server, when the store cannot be reached; two at once', async t => {
  const { publish, watched, servers, s3 } = await installation(t)
  const both = await Promise.all([
    publish('big', 'seven/big:v1', '--genome-digest', T7, '--through-server'),
    publish('big', 'seven/big:v1', '--genome-digest', T7, '--through-server'),
  ])
  for (const { code, stderr } of both) t.equal(code, 0, stderr)
  t.same(watched.seen, [])
  t.equal((await names(s3.folder)).filter(name => name.endsWith('.tgz')).length, 1, 'one object')
  t.equal((await fetch(`${servers[0]}/seven/assets/big/archive`, { method: 'HEAD' })).status, 200)
})
