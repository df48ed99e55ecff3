import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'
import { EXAMPLE, EXAMPLE_FLAGS, T7_FASTA } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const PEERS = resolve('.peers')
const EXAMPLES_PER_OPERATION = 15
const serve = EXAMPLE_FLAGS
const md5 = createHash('md5')
  .update(await readFile(join(EXAMPLE, T7_FASTA)))
  .digest('hex')

t.test('the document is sound', async t => {
  // The three paths with a slash at their end are the peer's own; everything else keeps every rule.
  const lint = await run(
    `${PEERS}/node/node_modules/.bin/redocly`,
    [
      'lint',
      '--extends=recommended',
      '--skip-rule=no-path-trailing-slash',
      resolve('openapi/openapi.json'),
    ],
    { cwd: PEERS },
  )
  t.equal(lint.code, 0, lint.stdout + lint.stderr)
})

t.test('a TypeScript client is generated, compiles and downloads', async t => {
  const server = await startOurs(t, serve)
  const folder = join(PEERS, 'node')
  const bin = join(folder, 'node_modules/.bin')
  const made = await run(
    `${bin}/openapi-typescript`,
    [`${server}/openapi.json`, '-o', 'api.d.ts'],
    { cwd: folder },
  )
  t.equal(made.code, 0, made.stderr)
  await writeFile(
    join(folder, 'download.ts'),
    `import { createHash } from 'node:crypto'
import createClient from 'openapi-fetch'
import type { paths } from './api.d.ts'
const client = createClient<paths>({ baseUrl: '${server}' })
const { data } = await client.GET('/v3/assets/archive/{genome}/{asset}', {
  params: { path: { genome: '${T7}', asset: 'fasta' }, query: { tag: 'default' } },
  parseAs: 'arrayBuffer',
})
const listed = await client.GET('/{genome}/assets/{asset}', { params: { path: { genome: 't7', asset: 'fasta' } } })
const record = listed.data
const claimed: string | undefined = typeof record === 'object' ? record.archive.md5 : undefined
const got = createHash('md5').update(new Uint8Array(data as ArrayBuffer)).digest('hex')
console.log(got === claimed ? got : 'different')
`,
  )
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--strict',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
    '--types',
    'node',
    '--typeRoots',
    resolve('node_modules/@types'),
  ]
  const compiled = await run(`${bin}/tsc`, [...options, '--noEmit', 'download.ts'], { cwd: folder })
  t.equal(compiled.code, 0, compiled.stdout)
  const emitted = await run(
    `${bin}/tsc`,
    [
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--skipLibCheck',
      '--types',
      'node',
      '--typeRoots',
      resolve('node_modules/@types'),
      'download.ts',
    ],
    { cwd: folder },
  )
  t.equal(emitted.code, 0, emitted.stdout)
  const ran = await run(process.execPath, ['download.js'], { cwd: folder })
  t.equal(ran.stdout.trim(), md5, ran.stderr)
})

t.test('a Python client is generated and downloads', async t => {
  const server = await startOurs(t, serve)
  const folder = folderRemovedLast(t, {
    'config.yaml':
      'project_name_override: refdepot-client\npackage_name_override: refdepot_client\n',
  })
  const bin = join(PEERS, 'client-generator/bin')
  const made = await run(
    `${bin}/openapi-python-client`,
    [
      'generate',
      '--url',
      `${server}/openapi.json`,
      '--config',
      'config.yaml',
      '--fail-on-warning',
      '--meta',
      'none',
    ],
    { cwd: folder, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } },
  )
  t.equal(made.code, 0, made.stdout + made.stderr)
  const script = `
import hashlib
from refdepot_client import Client
from refdepot_client.api.native import get_archive, get_asset
client = Client(base_url="${server}")
archive = get_archive.sync("t7", "fasta", client=client)
record = get_asset.sync("t7", "fasta", client=client)
got = hashlib.md5(archive.payload.read()).hexdigest()
print(got if got == record.archive.md5 else "different")
`
  const ran = await run(`${bin}/python`, ['-c', script], { cwd: folder })
  t.equal(ran.stdout.trim(), md5, ran.stderr)
})

// With these the requests reach what is there; without them (second run) they are malformed or unknown.
const KNOWN = `[parameters]
"path.genome" = "${T7}"
"path.asset" = "fasta"
"path.tag" = "default"
"path.seek_key" = "fasta"
"path.alias" = "t7"
"path.digest" = "${md5}"
"query.tag" = "v2"
`

for (const [name, config] of [
  ['what is there', KNOWN],
  ['anything', ''],
] as const) {
  t.test(`schemathesis asks for ${name} and finds no 5xx and no undeclared answer`, async t => {
    const server = await startOurs(t, serve)
    const folder = folderRemovedLast(t, { 'schemathesis.toml': config })
    const checks = [
      'not_a_server_error',
      'status_code_conformance',
      'content_type_conformance',
      'response_schema_conformance',
    ]
    const found = await run(
      join(PEERS, 'schemathesis/bin/schemathesis'),
      [
        ...['--config-file', 'schemathesis.toml', 'run', `${server}/openapi.json`],
        ...['--checks', checks.join(','), '--phases', 'examples,fuzzing', '--seed', '1'],
        ...['--max-examples', String(EXAMPLES_PER_OPERATION), '--mode', 'all', '--no-color'],
      ],
      { cwd: folder },
    )
    t.equal(found.code, 0, found.stdout.slice(found.stdout.indexOf('= FAILURES')))
    t.match(found.stdout, /Tested: \d{2}/)
  })
}
