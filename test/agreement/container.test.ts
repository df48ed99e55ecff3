/** The image is really built, and does what `docker run` of the peer's image does. */
import { createHash } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  buildah,
  buildImage,
  ISOLATION,
  imageConfig,
  makeContainer,
} from '../support/container/buildah.ts'
import {
  runToEnd,
  type ServerProcess,
  startServer,
  userOf,
} from '../support/container/server-process.ts'
import { EXAMPLE } from '../support/example-folder.ts'
import { freePort } from '../support/free-port.ts'
import { T7 } from '../support/genome-fixtures.ts'

const IMAGE = 'localhost/refdepot:test'
const CONFIG = '/genomes/genome_config.yaml'
const T7_FASTA_MD5 = createHash('md5')
  .update(await readFile(`example/${T7}/fasta__default.tgz`))
  .digest('hex')
const LOCKED = 'scripts/container/run-read-only.sh'

await buildImage(IMAGE)
const image = await imageConfig(IMAGE)

/** Arguments of `docker run -v example:/genomes:ro IMAGE WORDS`, for buildah: it leaves the entry point to its caller. */
function dockerRun(container: string, words: readonly string[], environment: string[] = []) {
  const options = ['-v', `${EXAMPLE}:/genomes:ro`, ...environment.flatMap(one => ['--env', one])]
  return ['run', ...ISOLATION, ...options, container, '--', ...image.Entrypoint, ...words]
}

async function serves(t: Test, server: ServerProcess): Promise<void> {
  for (const path of ['/healthz', '/readyz']) {
    t.equal((await fetch(server.url + path)).status, 200, path)
  }
  const answer = await fetch(`${server.url}/v3/assets/archive/${T7}/fasta?tag=default`)
  const bytes = Buffer.from(await answer.arrayBuffer())
  t.equal(answer.status, 200, 'an archive is served')
  t.equal(createHash('md5').update(bytes).digest('hex'), T7_FASTA_MD5, 'with the right bytes')
  t.equal(await userOf(server.pid), 1000, 'the server does not run as root')
}

async function stopsInGoodOrder(t: Test, server: ServerProcess): Promise<void> {
  process.kill(server.pid, 'SIGTERM')
  t.equal((await server.ended).code, 0, 'what `docker stop` sends ends it in good order')
}

t.test('the image says how it is run', async t => {
  t.equal(image.User, '1000:1000', 'a numeric user that is not root')
  t.same(Object.keys(image.ExposedPorts), ['80/tcp'])
  t.same(image.Cmd, ['serve', '-c', CONFIG])
  t.equal(image.Healthcheck.Test[0], 'CMD', 'a health check without a shell')
  t.equal(image.Labels['org.opencontainers.image.title'], 'refdepot')
})

t.test('the image holds what the server needs and nothing of the build', async t => {
  const root = await buildah('mount', await makeContainer(t, IMAGE))
  const needed = ['app/dist/cli/main.js', 'app/openapi', 'app/node_modules/fastify']
  for (const path of [...needed, 'app/docker/prepare-store.mjs']) {
    await t.resolves(access(join(root, path)), `${path} is there`)
  }
  const leftovers = ['app/src', 'app/node_modules/typescript', 'root/.npmrc', 'run/secrets/ca']
  for (const path of leftovers) await t.rejects(access(join(root, path)), `${path} is not there`)
})

t.test('docker run IMAGE serve -c …', async t => {
  const port = await freePort()
  const container = await makeContainer(t, IMAGE)
  const args = dockerRun(container, ['serve', '-c', CONFIG, '-p', `${port}`])
  const server = await startServer(t, { file: 'buildah', args, port })
  await serves(t, server)
  await stopsInGoodOrder(t, server)
})

t.test('docker run IMAGE, with no words, and its health check', async t => {
  const port = await freePort()
  const container = await makeContainer(t, IMAGE)
  const environment = [`REFDEPOT_PORT=${port}`]
  const args = dockerRun(container, image.Cmd, environment)
  const check = ['run', ...ISOLATION, '--env', `REFDEPOT_PORT=${port}`, container, '--']
  check.push(...image.Healthcheck.Test.slice(1))
  t.equal((await runToEnd('buildah', check)).code, 1, 'unhealthy before it serves')
  const server = await startServer(t, { file: 'buildah', args, port })
  t.equal((await runToEnd('buildah', check)).code, 0, 'healthy while it serves')
  await serves(t, server)
})

t.test("the peer's own words: docker run IMAGE refgenieserver serve -c …", async t => {
  const port = await freePort()
  const container = await makeContainer(t, IMAGE)
  const args = dockerRun(container, ['refgenieserver', 'serve', '-c', CONFIG, '-p', `${port}`])
  await serves(t, await startServer(t, { file: 'buildah', args, port }))
})

t.test('both programs can be called inside the container', async t => {
  const container = await makeContainer(t, IMAGE)
  for (const program of ['refdepot', 'refgenieserver']) {
    const { code, output } = await runToEnd('buildah', [
      ...['run', ...ISOLATION, container, '--', program, '--version'],
    ])
    t.match({ code, output }, { code: 0, output: /^\d+\.\d+\.\d+/ }, program)
  }
})

t.test('a root that cannot be written to, no capabilities, a folder that is read-only', async t => {
  const port = await freePort()
  const root = await buildah('mount', await makeContainer(t, IMAGE))
  const environment = [...image.Env, `REFDEPOT_PORT=${port}`]
  for (const folder of ['/app', '/tmp', '/var/lib/refdepot', '/genomes']) {
    const write = [LOCKED, root, EXAMPLE, ...environment, '--', 'touch', `${folder}/written`]
    t.match((await runToEnd('bash', write)).output, /Read-only file system/, folder)
  }
  const args = [LOCKED, root, EXAMPLE, ...environment, '--', ...image.Entrypoint, ...image.Cmd]
  const server = await startServer(t, { file: 'bash', args, port })
  await serves(t, server)
  await stopsInGoodOrder(t, server)
})

t.test('a port that needs rights: the message says what to do', async t => {
  const root = await buildah('mount', await makeContainer(t, IMAGE))
  const args = [root, EXAMPLE, ...image.Env, '--', ...image.Entrypoint, ...image.Cmd]
  const { code, output } = await runToEnd('bash', [LOCKED, ...args])
  t.equal(code, 1)
  t.match(output, /port 80\b.*-p 8080/)
})
