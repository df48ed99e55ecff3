import { readFile } from 'node:fs/promises'
import t from 'tap'
import { generatedFiles } from '../../src/cli/generated-files.ts'
import { startApp } from '../support/start-app.ts'

interface Operation {
  operationId?: string
  description?: string
  responses?: Record<string, unknown>
  parameters?: { name: string; in: string }[]
}
interface Document {
  openapi: string
  info: { title: string }
  tags: { name: string; description: string }[]
  paths: Record<string, { get?: Operation }>
}

// Ids that clients look for; they may never change.
const FROZEN = [
  ...[
    'aliases_dict',
    'assets',
    'archive',
    'asset_path',
    'default_tag',
    'asset_digest',
    'asset_archive_digest',
    'asset_recipe',
    'asset_log',
    'asset_dir_contents',
    'asset_attrs',
    'genome_attrs',
    'alias_digest',
    'alias_alias',
  ].map(id => `v3custom_Id_${id}`),
  ...[
    'assets',
    'archive',
    'default_tag',
    'asset_digest',
    'asset_archive_digest',
    'asset_log',
    'asset_recipe',
    'asset_attrs',
    'genome_attrs',
  ].map(id => `custom_Id_${id}`),
  '_private_apicustom_Id_genomes_dict',
]

t.test('generated files are up to date: run `npm run generate`', async t => {
  for (const [path, content] of Object.entries(await generatedFiles())) {
    t.equal(await readFile(path, 'utf8'), content, path)
  }
})

t.test('the document keeps the rules that refgenie clients live by', async t => {
  const { app } = await startApp(t)
  const document: Document = (await app.inject('/openapi.json')).json()
  t.equal(document.openapi, '3.1.0')
  t.equal(document.info.title, 'refgenieserver')
  for (const tag of document.tags) t.match(tag, { name: String, description: String })
  const paths = Object.entries(document.paths)
  t.ok(paths.length > 70)
  const ids = paths.map(([path, item]) => {
    t.match(item.get, { operationId: String, description: String, responses: Object }, path)
    for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
      t.ok(
        item.get?.parameters?.some(it => it.in === 'path' && it.name === name),
        `${path} ${name}`,
      )
    }
    return item.get?.operationId ?? ''
  })
  t.equal(new Set(ids).size, ids.length, 'ids are unique')
  for (const id of FROZEN) t.ok(ids.includes(id), id)
  for (const [path, item] of paths.filter(([path]) => path.startsWith('/v3/'))) {
    const root = document.paths[path.slice(3)]?.get?.operationId
    t.equal(root, `root_${item.get?.operationId}`, path)
  }
})

t.test('the readers of the document load nothing from elsewhere', async t => {
  const { app } = await startApp(t)
  for (const url of ['/docs', '/docs/', '/redoc']) {
    const page = await app.inject(url)
    t.equal(page.statusCode, 200, url)
    t.notMatch(page.body, /(?:src|href)="(?:https?:)?\/\//)
    t.match(page.headers['content-security-policy'], /'self'/)
    for (const [, asset] of page.body.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)) {
      const { pathname } = new URL(String(asset), `http://x${url === '/docs' ? '/docs/' : url}`)
      t.equal((await app.inject(pathname)).statusCode, 200, pathname)
    }
  }
  t.equal((await app.inject('/static/refdepot.css')).statusCode, 200)
  t.equal((await app.inject('/static/../app.ts')).statusCode, 404)
})

t.test('service info tells what is true today', async t => {
  const { app } = await startApp(t, {}, { publicUrl: 'https://refs.example.org' })
  t.match((await app.inject('/service-info')).json(), {
    id: String,
    type: { group: 'org.refgenie' },
    refgenie: {
      mode: 'server',
      capabilities: { downloads: true, archives: true, seqcol: false, drs: false },
    },
  })
  t.same((await app.inject('/healthz')).json(), { status: 'ok' })
})
