/** The files that refdepot is deployed with, read by the real programs: Docker Compose's own reader, kustomize and kubeconform, nginx, versitygw. */
import { spawn } from 'node:child_process'
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { GRACE_MS } from '../../src/cli/stopped.ts'
import { resolveSettings } from '../../src/config/settings.ts'
import { freePort } from '../support/free-port.ts'
import { COMPOSE_FILE, type ComposeService, readCompose } from '../support/peers/compose-file.ts'
import { ended, hasEnded } from '../support/peers/ended-child.ts'
import { nginxConfig } from '../support/peers/front-proxy.ts'
import { run } from '../support/peers/run.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const PEERS = '.peers/kubeconform'
const MANIFESTS = 'deploy/kubernetes'
const EXAMPLES = [`${MANIFESTS}/secret.example.yaml`, `${MANIFESTS}/push-job.example.yaml`]
const RELEASES = ['1.30', '1.37']
// Nothing listens there, so whoever is told to go there says so.
const NOWHERE = 'http://127.0.0.1:9'
const SECRET_NAME = /SECRET|PASSWORD|TOKEN|ACCESS_KEY/

const { services, secrets } = await readCompose()
const ours = Object.entries(services).filter(([, { image }]) => image === 'refdepot')
const replicas = ours.filter(([, { command }]) => command?.[0] === 'serve')

/** A copy of the compose file with secrets beside it. */
async function composeFolder(t: Test): Promise<string> {
  const folder = folderRemovedLast(t)
  await copyFile(COMPOSE_FILE, join(folder, 'compose.yaml'))
  const made = await run('bash', ['docker/make-secrets.sh', join(folder, 'secrets')])
  t.equal(made.code, 0, made.stderr)
  return folder
}

t.test('Docker Compose reads both files, and refuses a broken one', async t => {
  const folder = await composeFolder(t)
  const read = (...args: string[]) => run(`${PEERS}/compose`, args)
  t.match(await read(join(folder, 'compose.yaml')), { code: 0, stdout: /read_only: true/ })
  // It has a variable without a default.
  t.match(await read('-no-interpolation', 'docker/compose.yaml'), { code: 0 })
  const text = await readFile(COMPOSE_FILE, 'utf8')
  const broken = {
    'read_only:': 'readonly:',
    'condition: service_healthy': 'condition: service_well',
  }
  for (const [right, wrong] of Object.entries(broken)) {
    t.ok(text.includes(right))
    await writeFile(join(folder, 'broken.yaml'), text.replace(right, wrong))
    t.not((await read(join(folder, 'broken.yaml'))).code, 0, wrong)
  }
})

t.test('secrets are made once, and stand in no file that is kept', async t => {
  const folder = join(await composeFolder(t), 'secrets')
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  const before = await readFile(join(folder, 'database.env'), 'utf8')
  t.match(before, /^PGPASSWORD=\w{30,}\n$/)
  t.equal((await run('bash', ['docker/make-secrets.sh', folder])).code, 0)
  t.equal(await readFile(join(folder, 'database.env'), 'utf8'), before)
  for (const { file = '' } of Object.values(secrets)) await stat(join(folder, '..', file))
  for (const [name, { environment = {}, env_file = [], secrets: own = [] }] of Object.entries(
    services,
  )) {
    for (const key of Object.keys(environment))
      t.ok(!SECRET_NAME.test(key) || key.endsWith('_FILE'), `${name}: ${key}`)
    for (const file of env_file) await stat(join(folder, '..', file))
    for (const used of own) t.ok(secrets[typeof used === 'string' ? used : used.source], name)
  }
  const ignored = await run('git', ['check-ignore', 'docker/secrets/database.env'])
  t.equal(ignored.code, 0, 'git leaves them alone')
  const example = parse(await readFile(`${MANIFESTS}/secret.example.yaml`, 'utf8'))
  t.same([...new Set(Object.values(example.stringData))], ['PLACEHOLDER'])
})

/** What a service would do, with the real command line; what it asks for is nowhere. */
function asContainer({ command = [], environment = {} }: ComposeService) {
  const keys = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_ENDPOINT_URL_S3: NOWHERE }
  const env = { PATH: process.env.PATH, ...environment, REFDEPOT_PORT: '0', ...keys }
  // Other tests may have put something where the container has its archives.
  const words = command.map(word => word.replace(/^\/genomes\//, '/nowhere/'))
  return run(process.execPath, ['dist/cli/main.js', ...words], { env })
}

t.test('every command line is one of ours, and goes as far as the store or the config', async t => {
  t.equal(replicas.length, 2)
  for (const [name, service] of ours.filter(([, { entrypoint }]) => entrypoint === undefined)) {
    const { code, stderr } = await asContainer(service)
    t.not(code, 2, `${name} is no wrong usage`)
    t.match(stderr, name === 'push' ? /\/nowhere\/genome_config\.yaml/ : /s3:|current\.json/, name)
    const wrong = { ...service, command: [...(service.command ?? []), '--no-such-flag'] }
    t.equal((await asContainer(wrong)).code, 2, `${name} with a flag that is none`)
  }
  const [dockerfile, context] = [
    await readFile('docker/Dockerfile', 'utf8'),
    await readFile('.dockerignore', 'utf8'),
  ]
  const [, script = ''] = services['prepare-store']?.entrypoint ?? []
  const path = script.replace('/app/', '')
  t.match(dockerfile, new RegExp(`^COPY .*${path} .*\\./docker/$`, 'm'), 'the image has it')
  t.ok(context.includes(`!${path}\n`))
})

/** Settings among the variables of a container: they must exist, and their values be allowed. */
async function settingsOf(t: Test, name: string, environment: Readonly<Record<string, string>>) {
  const documented = await readFile('docs/settings.md', 'utf8')
  const own = Object.keys(environment).filter(key => key.startsWith('REFDEPOT_'))
  for (const key of own) t.ok(documented.includes(`\`${key}\``), `${name}: ${key}`)
  const values = own.map(key => [key, environment[key]])
  return resolveSettings({ flags: {}, environment: Object.fromEntries(values), file: {} })
}

t.test('addresses, ports and settings of the parts fit together', async t => {
  const nginx = await readFile('docker/nginx.conf', 'utf8')
  const { networks } = services.nginx as ComposeService
  const { front } = networks as { front: { ipv4_address: string } }
  for (const [name, service] of replicas) {
    const values = await settingsOf(t, name, service.environment ?? {})
    t.ok(nginx.includes(`server ${name}:${values.port} `), 'nginx knows it')
    t.match(service.healthcheck?.test.join(' '), `:${values.port}/readyz`)
    t.equal(values['trust-proxy'], front.ipv4_address, 'it believes nginx')
    t.match(values.store, /^s3:\/\//)
    t.match(values.state, /^postgres:\/\/[^:@]+@postgres\//, 'a service, and no password')
    t.equal(service.volumes, undefined, 'it has no volume')
    t.match(service.env_file, ['secrets/store-read.env', 'secrets/database.env'])
  }
  t.equal(nginx.match(/^ *server refdepot/gm)?.length, replicas.length)
  for (const [name, service] of ours) {
    t.equal(service.user, '1000:1000', name)
    await settingsOf(t, name, service.environment ?? {})
  }
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.read_only, true, name)
    t.same([service.cap_drop, service.security_opt], [['ALL'], ['no-new-privileges:true']], name)
    t.match(service.image, /^refdepot$|:v?\d/, `${name} has a version`)
    for (const needed of Object.keys(service.depends_on ?? {})) t.ok(services[needed], needed)
  }
})

t.test('nginx takes its config, and refuses a broken one', async t => {
  const folder = folderRemovedLast(t)
  const path = await nginxConfig({ folder, port: await freePort(), replicas: [9, 10] })
  const check = () => run('nginx', ['-t', '-p', folder, '-c', path])
  t.match(await check(), { code: 0, stderr: /test is successful/ })
  await writeFile(path, (await readFile(path, 'utf8')).replace('proxy_buffers', 'proxy_bufers'))
  t.match(await check(), { code: 1, stderr: /unknown directive/ })
})

t.test('the store takes its command line, and says that it is well', async t => {
  const folder = folderRemovedLast(t, { data: {}, iam: {} })
  const secretsFolder = join(folder, 'secrets')
  await run('bash', ['docker/make-secrets.sh', secretsFolder])
  await copyFile(join(secretsFolder, 'store-users.json'), join(folder, 'iam/users.json'))
  const port = await freePort()
  const { command = [], healthcheck } = services.store as ComposeService
  const places: Record<string, string> = {
    ':7070': `127.0.0.1:${port}`,
    '/iam': join(folder, 'iam'),
    '/data': join(folder, 'data'),
  }
  const args = command.map(word => places[word] ?? word)
  const child = spawn('.peers/versitygw/versitygw', args, {
    env: { ROOT_ACCESS_KEY: 'root', ROOT_SECRET_KEY: 'secret-of-root' },
  })
  t.teardown(() => ended(child, 'SIGKILL'))
  const [asked = ''] = healthcheck?.test.slice(-1) ?? []
  const url = asked.replace(':7070', `:${port}`)
  let healthy = false
  for (let i = 0; i < 200 && !healthy && !hasEnded(child); i += 1) {
    healthy = (await fetch(url).catch(() => undefined))?.ok === true
    await wait(50)
  }
  t.ok(healthy, url)
})

/** kubeconform's opinion of manifests. */
const conform = (release: string, ...files: string[]) =>
  run(`${PEERS}/kubeconform`, [
    '-strict',
    '-schema-location',
    `${PEERS}/schemas/${release}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
    ...files,
  ])

/** What `kubectl apply -k` would send. */
async function built(t: Test): Promise<string> {
  const { code, stdout, stderr } = await run(`${PEERS}/kustomize`, ['build', MANIFESTS])
  t.equal(code, 0, stderr)
  return stdout
}

interface Manifest {
  readonly kind: string
  // biome-ignore lint/suspicious/noExplicitAny: manifests of every kind, whose shapes kubeconform has checked
  readonly [field: string]: any
}

t.test('the manifests are those of Kubernetes, and broken ones are refused', async t => {
  const text = await built(t)
  const folder = folderRemovedLast(t, { 'all.yaml': text })
  for (const release of RELEASES) {
    t.match(await conform(release, join(folder, 'all.yaml'), ...EXAMPLES), { code: 0 }, release)
    for (const [right, wrong] of [
      ['maxUnavailable: 0', 'maxUnavailible: 0'],
      ['runAsNonRoot: true', 'runAsNonRoot: "true"'],
      ['pathType: Prefix', 'path: /x'],
      ['kind: PodDisruptionBudget', 'kind: PodDisruptionBudgets'],
    ] as const) {
      t.ok(text.includes(right), right)
      const file = join(folder, 'broken.yaml')
      await writeFile(file, text.replace(right, wrong))
      t.equal((await conform(release, file)).code, 1, `${release}: ${wrong}`)
    }
  }
})

t.test(
  'the pods are locked down, are asked what the server answers, and have time to end',
  async t => {
    const all: Manifest[] = parseAllDocuments(await built(t)).map(one => one.toJS())
    const of = (kind: string) => all.find(one => one.kind === kind) as Manifest
    const { template, strategy, selector } = of('Deployment').spec
    const [container] = template.spec.containers
    const values = await settingsOf(t, 'ConfigMap', of('ConfigMap').data)
    t.equal(Number(values.port), container.ports[0].containerPort)
    t.match(values.state, /^postgres:\/\/[^:@]+@/, 'no password')
    const routes = JSON.parse(await readFile('openapi/openapi.json', 'utf8')).paths
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      t.ok(routes[container[probe].httpGet.path], probe)
    const needed = container.lifecycle.preStop.sleep.seconds + GRACE_MS / 1000
    t.ok(template.spec.terminationGracePeriodSeconds > needed, `${needed} s are needed`)
    t.match(strategy.rollingUpdate, { maxUnavailable: 0 })
    for (const kind of ['Service', 'PodDisruptionBudget', 'NetworkPolicy']) {
      const { spec } = of(kind)
      const chosen = spec.podSelector?.matchLabels ?? spec.selector.matchLabels ?? spec.selector
      t.same(chosen, selector.matchLabels, kind)
      t.match(template.metadata.labels, chosen)
    }
    t.ok(of('HorizontalPodAutoscaler').spec.minReplicas >= 2)
    t.equal(of('ServiceAccount').automountServiceAccountToken, false)
    const job: Manifest = parse(await readFile(`${MANIFESTS}/push-job.example.yaml`, 'utf8'))
    for (const pod of [template.spec, job.spec.template.spec]) locked(t, pod)
    t.match(
      (await run(process.execPath, ['dist/cli/main.js', ...container.args, '--no-such-flag'])).code,
      2,
    )
  },
)

function locked(t: Test, pod: Manifest): void {
  const [container] = pod.containers
  t.match(pod, {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  })
  t.match(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  t.ok(container.resources.requests && container.resources.limits.memory)
}

t.test('the rights in the documentation are those that the test store was given', async t => {
  const { readRights, writeRights } = await import(join(process.cwd(), 'docker/prepare-store.mjs'))
  const text = await readFile('docs/deployment.md', 'utf8')
  const policies = [...text.matchAll(/```json\n([^`]*)```/g)].map(([, json = '']) =>
    JSON.parse(json),
  )
  t.same(
    policies.map(({ Statement }) => Statement),
    [readRights('BUCKET', 'PREFIX/'), writeRights('BUCKET', 'PREFIX/')],
  )
})
