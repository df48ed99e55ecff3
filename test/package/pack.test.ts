/** The package as npm would publish it: what is in it, and that it works in a folder that knows nothing of this one. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startServer } from '../support/container/server-process.ts'
import { T7 } from '../support/genome-fixtures.ts'

const run = promisify(execFile)
const ATTEMPTS = 3
// For one answer of the registry, which npm asks for three times itself.
const FETCH_MS = 60_000
const MAX_BYTES = 6 * 1024 * 1024
const T7_FASTA_MD5 = createHash('md5')
  .update(await readFile(`example/${T7}/fasta__default.tgz`))
  .digest('hex')
const QUIET = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']

/** What `npm pack --json` says. */
interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

/** Without what tap adds for its own: the installed program must run as it does for an operator. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(?:NODE_OPTIONS|NODE_V8_COVERAGE|_?TAP|npm_)/.test(name),
  ),
)

/** Outside the project: below it, a dependency that is missing would be found in the project's node_modules. */
const folder = await mkdtemp(join(tmpdir(), 'refdepot-package-'))
t.teardown(() => rm(folder, { recursive: true }))

const npm = (cwd: string, ...args: string[]) =>
  run('npm', [...args, ...QUIET], { cwd, env: environment })

await npm('.', 'run', 'build')
const { stdout } = await npm(
  '.',
  'pack',
  '--json',
  '--ignore-scripts',
  '--pack-destination',
  folder,
)
const packed: Packed = JSON.parse(stdout)[0]
const paths = packed.files.map(file => file.path)

t.test('the tarball holds what is used and nothing else', async t => {
  const needed = [
    'package.json',
    'LICENSE',
    'dist/cli/main.js',
    'dist/cli/refgenieserver.js',
    'example/genome_config.yaml',
    `example/${T7}/fasta__default.tgz`,
    'openapi/openapi.json',
  ]
  for (const path of needed) t.ok(paths.includes(path), `${path} is packed`)
  const stray = paths.filter(path =>
    /^(?:src|test|scripts|bench|docker|\.|node_modules)|\.test\.|\.part$/.test(path),
  )
  t.same(stray, [])
  t.ok(packed.size < MAX_BYTES, `${packed.size} bytes are less than ${MAX_BYTES}`)
})

t.test('what servers write over the example is not packed, not even while they write', async t => {
  const project = join(folder, 'project')
  const archive = 'example/lambda/a.tgz'
  const written = ['.digests.json', '.digests.json.4711.part'].map(end => archive + end)
  for (const path of [archive, ...written, 'example/.refdepot/state.sqlite']) {
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), 'x')
  }
  await cp('package.json', join(project, 'package.json'))
  const { stdout } = await npm(project, 'pack', '--json', '--dry-run', '--ignore-scripts')
  const [only]: Packed[] = JSON.parse(stdout)
  t.same(only?.files.map(({ path }) => path).sort(), [archive, 'package.json'])
})

t.test('installed from the tarball, it runs', async t => {
  const home = join(folder, 'home')
  await mkdir(home)
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  const tarball = join(folder, packed.filename)
  await installed(home, tarball)

  for (const program of ['refdepot', 'refgenieserver']) {
    await t.test(program, t => works(t, home, program))
  }
})

/**
 * Installs a tarball with the dependencies that anybody gets with it. Those come from a registry, which may fail for a moment. A lock file made
 * of the project's would need none, but brings what `overrides` says, and that holds for the project alone.
 */
async function installed(home: string, tarball: string): Promise<void> {
  const args = ['install', '--omit=dev', '--prefer-offline', '--ignore-scripts', tarball]
  for (let attempt = 1; ; attempt += 1) {
    try {
      await npm(home, ...args, `--fetch-timeout=${FETCH_MS}`)
      return
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
      await rm(join(home, 'node_modules'), { recursive: true, force: true })
    }
  }
}

async function works(t: Test, home: string, program: string): Promise<void> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  const file = join(home, 'node_modules/.bin', program)
  const printed = await run(file, ['--version'], { cwd: home, env: environment })
  t.equal(printed.stdout.trim(), version)

  const example = join(home, 'node_modules/refdepot/example')
  const config = ['-c', join(example, 'genome_config.yaml'), '--archive-folder', example]
  const args = ['serve', ...config, '-p', '0', '--host', '127.0.0.1']
  const server = await startServer(t, { file, args, environment })
  const answer = await fetch(`${server.url}/v3/assets/archive/${T7}/fasta?tag=default`)
  const bytes = Buffer.from(await answer.arrayBuffer())
  t.equal(createHash('md5').update(bytes).digest('hex'), T7_FASTA_MD5)
  t.equal((await fetch(`${server.url}/docs/`)).status, 200, 'files beside the code are packed too')
  if (program === 'refdepot') await t.test('as a library', t => isLibrary(t, home, server.url))
  process.kill(server.pid, 'SIGTERM')
  t.equal((await server.ended).code, 0)
}

/** The examples of the documentation, as somebody else's program: they type-check against the package, and do what they say. */
async function isLibrary(t: Test, home: string, url: string): Promise<void> {
  const text = await readFile('docs/client-library.md', 'utf8')
  const examples = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string)
  const work = join(home, 'work')
  await mkdir(work)
  await writeFile(join(work, 'package.json'), '{ "type": "module" }')
  for (const [i, code] of examples.entries()) await writeFile(join(work, `example${i}.ts`), code)
  // Types of Node.js are the consumer's own.
  for (const name of ['@types', 'undici-types']) {
    await cp(join('node_modules', name), join(home, 'node_modules', name), { recursive: true })
  }
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
  const target = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  const files = examples.map((_, i) => `example${i}.ts`)
  const compiler = resolve('node_modules/typescript/bin/tsc')
  const compiled = await run(process.execPath, [compiler, ...strict, ...target, ...files], {
    cwd: work,
    env: environment,
  }).catch(error => error)
  t.equal(compiled.stdout, '', 'they type-check')
  const outputs: string[] = []
  for (const name of files) {
    const env = { ...environment, REFDEPOT_SERVER: url }
    const { stdout } = await run(process.execPath, [name.replace('.ts', '.js')], { cwd: work, env })
    outputs.push(stdout)
  }
  t.match(outputs[0], /^pulled t7\/fasta:default .*refs\/t7\/fasta$/m)
  t.match(outputs[0], /^2 of 2 are there$/m)
  t.match(outputs[1], /^t7 bwa_index default [0-9a-f]{32}$/m)
  t.match(outputs[1], /^unknown-asset .*did you mean fasta\?$/m)
  t.match(outputs[2], /^\d+ bytes received$/m)
  const archive = await readFile(join(work, 'fasta.tgz'))
  t.equal(createHash('md5').update(archive).digest('hex'), T7_FASTA_MD5)
}
