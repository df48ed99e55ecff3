import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const CLIENT_VERSION = '0.13.0'
const CONFIG = `${BUILT}/archives/genome_config.yaml`

/** A new genome folder of a client that is subscribed to our server. */
async function client(t: Test) {
  const server = await startOurs(t, ['-c', CONFIG])
  const home = folderRemovedLast(t)
  const config = join(home, 'genome_config.yaml')
  const refgenie = (...args: string[]) =>
    run(`${PYTHON_BIN}/refgenie`, args, {
      env: { ...process.env, REFGENIE: config, PATH: `${PYTHON_BIN}:${process.env.PATH}` },
    })
  t.equal((await refgenie('init', '-c', config, '-s', server)).code, 0)
  return { server, home, config, refgenie }
}

/** The built files of a tag, by path: what a pulled copy must equal, byte for byte. */
async function sameFiles(t: Test, home: string, genome: string, asset: string, tag: string) {
  const built = join(BUILT, 'genomes/data', genome, asset, tag)
  const names = (await readdir(built, { recursive: true })).filter(
    name => !name.includes('_refgenie_build'),
  )
  t.ok(names.length > 0)
  for (const name of names) {
    const file = join(built, name)
    if (!(await stat(file)).isFile()) continue
    t.ok(
      (await readFile(join(home, 'data', genome, asset, tag, name))).equals(await readFile(file)),
      `${asset}:${tag} ${name}`,
    )
  }
}

t.test('the client is the one we claim to serve', async t => {
  const { stdout } = await run(`${PYTHON_BIN}/pip`, ['show', 'refgenie'])
  t.match(stdout, new RegExp(`Version: ${CLIENT_VERSION.replaceAll('.', '\\.')}\n`))
})

t.test('refgenie lists, asks for aliases and pulls every asset', async t => {
  const { home, refgenie } = await client(t)
  const list = await refgenie('listr')
  t.equal(list.code, 0, list.stderr)
  t.match(list.stdout, /t7[\s\S]*lambda|lambda[\s\S]*t7/)
  t.match((await refgenie('listr', '-g', 't7')).stdout, /fasta/)
  t.match((await refgenie('alias', 'set', '-a', 't7', '-f')).code, 0)
  for (const [name, genome, asset, tag] of [
    ['t7/fasta:default', T7, 'fasta', 'default'],
    ['t7/fasta:v2', T7, 'fasta', 'v2'],
    ['t7/bowtie2_index', T7, 'bowtie2_index', 'default'],
    ['lambda/fasta', LAMBDA, 'fasta', 'default'],
    ['lambda/bowtie2_index', LAMBDA, 'bowtie2_index', 'default'],
  ] as const) {
    const pulled = await refgenie('pull', '-b', name)
    t.equal(pulled.code, 0, pulled.stderr)
    await sameFiles(t, home, genome, asset, tag)
  }
  for (const genome of ['t7', 'lambda']) {
    const pulled = await refgenie('pull', '--no-large', '--size-cutoff', '5', `${genome}/bwa_index`)
    t.equal(pulled.code, 0, pulled.stderr)
  }
  await sameFiles(t, home, LAMBDA, 'bwa_index', 'default')
  await sameFiles(t, home, T7, 'bwa_index', 'default')
  await writeFile(join(home, 'data', T7, 'fasta', 'v2', `${T7}.fa`), 'damaged')
  const again = await refgenie('pull', '--force-overwrite', 't7/fasta:v2')
  t.equal(again.code, 0, again.stderr)
  await sameFiles(t, home, T7, 'fasta', 'v2')
  t.match((await refgenie('alias', 'get')).stdout, /t7/)
  t.match((await refgenie('seek', 't7/fasta:v2')).stdout, /alias\/t7\/fasta\/v2\/t7\.fa/)
})

t.test('what is not there leaves nothing behind', async t => {
  const { home, refgenie } = await client(t)
  const missing = await refgenie('pull', '-b', 't7/hisat2_index')
  t.match(missing.stdout + missing.stderr, /not available|No such/i)
  const left = await readdir(home, { recursive: true })
  t.notOk(left.some(name => name.includes('hisat2_index')))
})

t.test('seekr and populater answer URLs that curl can open', async t => {
  const { home, refgenie } = await client(t)
  const built = await readFile(join(BUILT, 'genomes/data', T7, 'fasta/v2', `${T7}.fa`))
  const seek = await refgenie('seekr', 't7/fasta:v2')
  const url = seek.stdout.trim()
  t.match(url, new RegExp(`^http://127.0.0.1:\\d+/${T7}/assets/fasta/files/${T7}\\.fa\\?tag=v2$`))
  const fetched = await run('curl', ['-fsS', url])
  t.equal(fetched.stdout, built.toString())
  await writeFile(join(home, 'in.yaml'), 'fasta: refgenie://t7/fasta\n')
  const populated = await refgenie('populater', '--file', join(home, 'in.yaml'))
  t.match(populated.stdout, /fasta: http:\/\/127\.0\.0\.1:\d+\/\w+\/assets\/fasta\/files\//)
})

t.test('the Python interface lists and pulls', async t => {
  const { server, config } = await client(t)
  const script = `
import refgenconf, json
rgc = refgenconf.RefGenConf.from_yaml_file(${JSON.stringify(config)})
print(json.dumps(rgc.listr()[${JSON.stringify(server)} + "/v3/assets/list"]))
print(rgc.pull("lambda", "fasta", "default", force_large=True)[0])
print(rgc.seek("lambda", "fasta", "default", "fasta"))
`
  const answer = await run(`${PYTHON_BIN}/python`, ['-c', script])
  t.equal(answer.code, 0, answer.stderr)
  t.match(answer.stdout, /"t7".*fasta/)
  t.match(answer.stdout, /alias\/lambda\/fasta\/default\/lambda\.fa/)
})
