/**
 * No request does work for each genome of the catalogue. Every route is asked once, so that what is made once is made; then whatever looks at
 * any genome but the one that is asked for, or goes through the list of them, fails.
 */
import t from 'tap'
import type { Genome } from '../../src/domain/genome.ts'
import { manyGenomes } from '../support/many-genomes.ts'
import { startApp } from '../support/start-app.ts'

// They say nothing of the catalogue, or answer only with rights.
const OTHERS = /^\/(?:admin|auth|login|logout|links|uploads|static|docs|redoc|openapi)/

/** Values of the placeholders, by name. */
const VALUES: Readonly<Record<string, string>> = {
  asset: 'fasta',
  alias: 'name0',
  seek_key: 'fasta',
  tag: 'default',
  name: 'none',
  id: '0'.repeat(64),
  to: 'none',
  '*': 'a.fa',
}

/** Asked for besides, the first time only when nothing may be looked at any more. */
const LATER = [
  '/assets?genome=name0&asset=bwa_index',
  '/assets?q=name0+bwa_index',
  '/assets?limit=1',
  '/assets?offset=1&limit=1',
  '/name0/assets/bwa_index',
  '/name0/assets/fasta?tag=latest',
  '/name0/assets/unknown',
  '/v3/genomes/by_asset/unknown',
  '/v3/genomes/by_asset/bwa_index',
  '/stats?genome=name0',
  '/stats?limit=1',
  '/readyz',
]

t.test('no request looks at what it was not asked for', async t => {
  const source = await manyGenomes(t, 30)
  const routes: string[] = []
  const onRoute = (method: string, url: string) => {
    if (method === 'GET' && !OTHERS.test(url)) routes.push(url)
  }
  const { app, depot } = await startApp(t, source, {}, { onRoute })
  await depot.check()
  const urls = routes.map(url => filled(url, source.digest))
  t.ok(urls.length > 60, `${urls.length} routes`)
  const ask = async (url: string) => {
    const { statusCode, body } = await app.inject({ url })
    // Links are signed anew each time.
    return { url, statusCode, body: url.endsWith('/url') ? '' : body }
  }
  const before = []
  for (const url of [...urls, '/v3/genomes/by_asset/bwa_index']) {
    before.push(await ask(url))
  }
  t.same(
    before.filter(({ statusCode }) => statusCode >= 500),
    [],
  )
  t.ok(before.filter(({ statusCode }) => statusCode === 200).length > 50)
  const { genomes } = depot.current.catalogue
  forbidList(genomes)
  forbidList(depot.current.source.genomes)
  for (const genome of genomesBut(genomes, source.digest)) forbidGenome(genome)
  t.throws(() => [...genomes], 'the trap works')
  for (const { url, ...answer } of before) {
    const { url: _url, ...now } = await ask(url)
    t.same(now, answer, url)
  }
  for (const url of LATER) t.ok((await ask(url)).statusCode < 500, url)
})

function filled(url: string, digest: string): string {
  const genome = /^\/(?:v1|v2|genomes\/:genome$|:genome)/.test(url) ? 'name0' : digest
  const value = (name: string) => {
    if (name === 'genome') return genome
    // Of what is not there: the archives here have no index.
    if (name === 'digest') return '0'.repeat(32)
    const known = VALUES[name]
    if (known === undefined) throw new Error(`no value for ${name} of ${url}`)
    return known
  }
  // Lists are asked for page by page.
  const query = url === '/assets' || url === '/stats' ? '?limit=1' : ''
  return url.replace(/:(\w+)|\*/g, (all, name) => value(name ?? all)) + query
}

function genomesBut(genomes: readonly Genome[], digest: string): Genome[] {
  const others: Genome[] = []
  for (let i = 0; i < genomes.length; i += 1) {
    const genome = genomes[i] as Genome
    if (genome.digest !== digest) others.push(genome)
  }
  return others
}

/** Makes every way through a list fail. */
function forbidList(list: readonly unknown[]): void {
  const fail = () => {
    throw new Error('the whole list was gone through')
  }
  for (const name of [Symbol.iterator, ...Object.getOwnPropertyNames(Array.prototype)]) {
    if (name === 'length' || name === 'constructor') continue
    Object.defineProperty(list, name, { value: fail })
  }
}

/** Makes every look at a genome and at what is in it fail. */
function forbidGenome(genome: Genome): void {
  for (const asset of genome.assets.values()) {
    for (const tag of asset.tags.values()) forbid(tag)
    forbid(asset)
  }
  forbid(genome)
}

function forbid(value: object): void {
  for (const name of Object.keys(value)) {
    Object.defineProperty(value, name, {
      get: () => {
        throw new Error(`${name} of something else was looked at`)
      },
    })
  }
}
