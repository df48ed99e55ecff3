/** What the doctor asks `--as` a client is what that client asks: the real ones are recorded, and compared request by request. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as ask, createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { placeIn, shownPlace } from '../../src/client/doctor/fasta-place.ts'
import { type Arrived, crookedServer } from '../support/crooked-server.ts'
import { fastaFiles } from '../support/fasta-files.ts'
import { CHROMIUM } from '../support/peers/chromium.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const BROWSERS = `${process.cwd()}/.peers/browsers`
// So long that htslib seeks in the packed file as well.
const FILES = fastaFiles(9_000_000)
const NO_SETTINGS = { ...process.env, REFDEPOT_CLIENT_CONFIG: '/nowhere/config.yaml' }

const doctor = (url: string, client: string, ...more: string[]) =>
  run(process.execPath, ['dist/cli/main.js', 'doctor', url, '--as', client, ...more], {
    env: NO_SETTINGS,
  })

/** Place that the doctor looks at, as a user would write it. */
function place(): string {
  const found = placeIn(FILES['/x.fa.fai'] ?? Buffer.alloc(0))
  if (found === undefined) throw new Error('the index is none')
  return shownPlace(found)
}

/** A request reduced to what a server can tell clients apart by. */
function reduced(arrived: readonly Arrived[], agent: RegExp, names: readonly string[]) {
  return arrived
    .filter(({ headers }) => agent.test(headers['user-agent'] ?? ''))
    .map(({ method, path, headers }) => ({
      request: `${method} ${path}`,
      headers: Object.fromEntries(names.map(name => [name, headers[name]])),
    }))
}

t.test('htslib: samtools faidx on plain FASTA and on block gzip', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-doctor-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (const path of ['/x.fa', '/x.fa.gz']) {
    const real = await crookedServer(t, FILES)
    const ran = await run('samtools', ['faidx', real.url + path, place()], { cwd: folder })
    t.equal(ran.code, 0, ran.stderr)
    // It keeps indexes, and would not ask for them again.
    for (const index of ['.fai', '.gzi']) await rm(join(folder, `x.fa.gz${index}`), { force: true })
    const own = await crookedServer(t, FILES)
    const said = await doctor(own.url + path, 'htslib')
    t.equal(said.code, 0, said.stdout)
    const names = ['range', 'accept', 'origin', 'authorization']
    const wanted = reduced(real.arrived, /htslib/, names)
    t.ok(wanted.length >= 4, path)
    t.ok(
      wanted.some(({ headers }) => headers.range !== undefined),
      `${path}: it seeks`,
    )
    t.same(reduced(own.arrived, /htslib/, names), wanted, path)
  }
})

t.test('refgenie: pull of an asset by the stock client', async t => {
  const server = await startOurs(t, ['-c', `${BUILT}/archives/genome_config.yaml`])
  const { url, arrived } = await recorder(t, server)
  const said = await doctor(url, 'refgenie')
  t.equal(said.code, 0, said.stdout)
  const names = ['accept-encoding', 'range', 'authorization']
  const own = reduced(arrived, /python/i, names)
  const [, alias = ''] = /genome_digest\/(\w+)/.exec(JSON.stringify(own)) ?? []
  arrived.length = 0
  const folder = folderRemovedLast(t)
  const config = join(folder, 'genome_config.yaml')
  const env = { ...process.env, REFGENIE: config, PATH: `${PYTHON_BIN}:${process.env.PATH}` }
  const refgenie = (...args: string[]) => run(`${PYTHON_BIN}/refgenie`, args, { env })
  t.equal((await refgenie('init', '-c', config, '-s', url)).code, 0)
  arrived.length = 0
  t.equal((await refgenie('pull', '-b', `${alias}/fasta`)).code, 0)
  const real = reduced(arrived, /python/i, names)
  t.ok(real.length > 10)
  t.same(own, real)
})

t.test('JBrowse: its indexed FASTA', async t => {
  const { RemoteFile } = await peer('generic-filehandle2')
  const { IndexedFasta, BgzipIndexedFasta } = await peer('@gmod/indexedfasta')
  const [, first = '', last = ''] = /:(\d+)-(\d+)/.exec(place()) ?? []
  for (const path of ['/x.fa', '/x.fa.gz']) {
    const real = await crookedServer(t, FILES)
    const file = (ending = '') => new RemoteFile(real.url + path + ending)
    const parts = { fasta: file(), fai: file('.fai'), gzi: file('.gzi') }
    const fasta = path.endsWith('.gz') ? new BgzipIndexedFasta(parts) : new IndexedFasta(parts)
    const bases = await fasta.getSequence('chrA', Number(first) - 1, Number(last))
    t.equal(bases.length, 61)
    const own = await crookedServer(t, FILES)
    t.equal((await doctor(own.url + path, 'jbrowse')).code, 0)
    const wanted = reduced(real.arrived, /node/, ['range'])
    t.same(reduced(own.arrived, /Mozilla/, ['range']), wanted, path)
    const origins = own.arrived.filter(({ headers }) => /Mozilla/.test(headers['user-agent'] ?? ''))
    t.ok(origins.every(({ headers }) => headers.origin === 'https://jbrowse.org'))
  }
})

t.test('igv.js in Chromium', async t => {
  for (const path of ['/x.fa', '/x.fa.gz']) {
    const real = await crookedServer(t, FILES)
    const page = await igvPage(t, real.url + path)
    const profile = await mkdtemp(join(tmpdir(), 'refdepot-doctor-'))
    t.teardown(() => rm(profile, { recursive: true, force: true }))
    const more = [`--user-data-dir=${profile}`, '--virtual-time-budget=10000', '--dump-dom']
    await run('chromium', [...CHROMIUM, ...more, page])
    const own = await crookedServer(t, FILES)
    const said = await doctor(own.url + path, 'igv', '--origin', new URL(page).origin)
    t.equal(said.code, 0, said.stdout)
    const wanted = reduced(real.arrived, /Chrome/, ['origin', 'range'])
    const mine = reduced(own.arrived, /Mozilla/, ['origin', 'range'])
    t.ok(wanted.length >= 3, JSON.stringify(wanted))
    // The size and the index are asked for at once: either may arrive first.
    const order = (rows: typeof wanted) =>
      rows.map(({ request, headers }) => `${request} ${headers.origin}`).sort()
    t.same(order(mine), order(wanted), path)
    t.same(
      mine.find(({ headers }) => headers.range === 'bytes=0-0')?.request,
      wanted.find(({ headers }) => headers.range === 'bytes=0-0')?.request,
    )
    // igv.js takes the middle of its window, which depends on the width of the page: the same bytes but for some bases.
    const [from, to] = span(mine)
    const [first, last] = span(wanted)
    t.ok(Math.abs(from - first) < 2000, `${path}: from ${from}, ${first}`)
    t.ok(Math.abs(to - last) < 2000, `${path}: to ${to}, ${last}`)
  }
})

/** First and last byte of the sequence that was asked for. */
function span(rows: ReturnType<typeof reduced>): readonly [number, number] {
  const bytes = rows
    .map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(String(headers.range)))
    .filter(found => found !== null && found[2] !== '0')
    .flatMap(found => [Number(found?.[1]), Number(found?.[2])])
  return [Math.min(...bytes), Math.max(...bytes)]
}

/** A page of another origin that opens a FASTA in igv.js at the place of the doctor. */
async function igvPage(t: Test, fasta: string): Promise<string> {
  const script = await readFile(`${BROWSERS}/node_modules/igv/dist/igv.min.js`)
  const reference = {
    id: 'x',
    fastaURL: fasta,
    indexURL: `${fasta}.fai`,
    ...(fasta.endsWith('.gz') && { compressedIndexURL: `${fasta}.gzi` }),
  }
  const options = JSON.stringify({ reference, locus: place() })
  const html = `<!doctype html><body><div id="igv"></div><script src="/igv.js"></script>
<script>igv.createBrowser(document.getElementById('igv'), ${options})</script>`
  const server = createServer((request, reply) => {
    const isScript = request.url === '/igv.js'
    reply.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    reply.end(isScript ? script : html)
  })
  return listening(t, server)
}

/** Passes everything on to a server, and keeps what was asked. */
async function recorder(t: Test, server: string): Promise<{ url: string; arrived: Arrived[] }> {
  const arrived: Arrived[] = []
  const { hostname, port } = new URL(server)
  const proxy = createServer((request, reply) => {
    const { method = '', url = '', headers } = request
    arrived.push({ method, path: url, headers })
    const sent = ask({ hostname, port, method, path: url, headers }, answer => {
      reply.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.on('error', () => reply.destroy()).pipe(reply)
    })
    sent.on('error', () => reply.destroy()).end()
    reply.on('close', () => sent.destroy())
  })
  return { url: await listening(t, proxy), arrived }
}

async function listening(t: Test, server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

/** A package of the peers; it has types of its own that we do not install. */
async function peer(name: string) {
  const require = createRequire(`${BROWSERS}/package.json`)
  return require(name)
}
