/** The doctor at real servers: ours is all right for everybody, the faults of the others are found, and the fixes for nginx are fixes. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Finding } from '../../src/client/doctor/finding.ts'
import { FIXES } from '../../src/client/doctor/fixes.ts'
import { fastaFiles } from '../support/fasta-files.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, startOurs, startPeer } from '../support/peers/servers.ts'
import { staticNginx } from '../support/peers/static-nginx.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const ARCHIVES = `${BUILT}/archives`
const CLIENTS = ['igv', 'jbrowse', 'htslib', 'nextflow', 'refgenie']
const FILES = fastaFiles(200_000)

const PACKING = 'gzip on; gzip_types *; gzip_min_length 1;'

interface Said {
  readonly code: number
  readonly findings: readonly Finding[]
}

async function doctor(url: string, ...more: string[]): Promise<Said> {
  const env = { ...process.env, REFDEPOT_CLIENT_CONFIG: '/nowhere/config.yaml' }
  const args = ['dist/cli/main.js', 'doctor', url, '--json', ...more]
  const { code, stdout, stderr } = await run(process.execPath, args, { env })
  if (stdout === '') throw new Error(stderr)
  return { code, findings: JSON.parse(stdout).findings }
}

const not = (level: Finding['level'], { findings }: Said) =>
  findings.filter(finding => finding.level !== level).map(({ check }) => check)
const failed = ({ findings }: Said) =>
  findings.filter(({ level }) => level === 'fail').map(({ check }) => check)
const fixesOf = ({ findings }: Said) => JSON.stringify(findings.map(({ fix }) => fix))

/** Archives of ours over the genomes that the real tools have built. */
async function ownArchives(t: Test): Promise<string> {
  const folder = folderRemovedLast(t, { archives: {} })
  const archives = join(folder, 'archives')
  const config = `${BUILT}/genomes/genome_config.yaml`
  const args = ['dist/cli/main.js', 'archive', 'create', '-c', config, '--archive-folder', archives]
  t.equal((await run(process.execPath, args)).code, 0)
  return join(archives, 'genome_config.yaml')
}

/** Files of a lab behind nginx. */
async function labFolder(t: Test): Promise<string> {
  const folder = folderRemovedLast(t)
  await mkdir(join(folder, 'data'))
  for (const [path, content] of Object.entries(FILES)) await writeFile(join(folder, path), content)
  return folder
}

t.test('our server is all right for every client', async t => {
  const url = await startOurs(t, ['-c', await ownArchives(t)])
  const all = await doctor(url)
  t.equal(all.code, 0)
  t.same(not('ok', all), [])
  t.ok(all.findings.length >= 20)
  for (const client of CLIENTS) {
    const said = await doctor(url, '--as', client)
    t.same(not('ok', said), [], client)
    t.equal(said.code, 0, client)
  }
})

t.test('refgenieserver: its known faults are found; the stock client works', async t => {
  const url = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const said = await doctor(url)
  t.equal(said.code, 1)
  t.same(failed(said).sort(), ['cors', 'cors-error', 'cors-preflight', 'head'])
  t.equal(said.findings.find(({ check }) => check === 'etag')?.level, 'warn')
  t.match(fixesOf(said), /proxy_cache_convert_head/)
  t.match(fixesOf(said), /Access-Control-Allow-Origin/)
  t.equal((await doctor(url, '--as', 'refgenie')).code, 0)
  const igv = await doctor(url, '--as', 'igv')
  t.equal(igv.code, 1)
  t.ok(failed(igv).includes('fasta-file'))
  t.ok(failed(igv).includes('cors'))
})

t.test('nginx without CORS fails igv; with the lines of the fix it does not', async t => {
  const folder = await labFolder(t)
  const bare = await staticNginx(t, folder)
  for (const path of ['/x.fa', '/x.fa.gz']) {
    const said = await doctor(bare + path)
    t.same(failed(said).sort(), ['cors', 'cors-error', 'cors-preflight'], path)
    t.same((await doctor(bare + path, '--as', 'htslib')).code, 0)
    t.equal((await doctor(bare + path, '--as', 'nextflow')).code, 0)
    for (const client of ['igv', 'jbrowse']) {
      const page = await doctor(bare + path, '--as', client)
      t.equal(page.code, 1, `${client} ${path}`)
      t.match(page.findings.find(it => it.level === 'fail')?.evidence, /without CORS headers/)
    }
  }
  const mended = await staticNginx(t, folder, FIXES.cors.nginx)
  t.same(failed(await doctor(`${mended}/x.fa`)), [])
  for (const client of ['igv', 'jbrowse']) {
    const page = await doctor(`${mended}/x.fa.gz`, '--as', client)
    t.same(not('ok', page), [], client)
  }
})

t.test('nginx that compresses everything, and one without ranges', async t => {
  const folder = await labFolder(t)
  const packing = await staticNginx(t, folder, '', PACKING)
  const said = await doctor(`${packing}/x.fa.gz`)
  t.ok(failed(said).includes('encoding'), failed(said).join(' '))
  t.match(fixesOf(said), /gzip off/)
  const mended = await staticNginx(t, folder, FIXES.encoding.nginx, PACKING)
  t.notOk(failed(await doctor(`${mended}/x.fa.gz`)).includes('encoding'))
  const deaf = await staticNginx(t, folder, 'max_ranges 0;')
  const whole = await doctor(`${deaf}/x.fa`)
  t.ok(failed(whole).includes('range'))
  t.match(fixesOf(whole), /honour Range/)
  for (const client of ['igv', 'jbrowse']) {
    t.equal((await doctor(`${deaf}/x.fa`, '--as', client)).code, 1, client)
  }
})

t.test('through nginx before our server all is well, too', async t => {
  const config = await ownArchives(t)
  const ours = await startOurs(t, ['-c', config])
  const folder = join(dirname(config), 'nginx')
  await mkdir(folder)
  const front = await staticNginx(t, folder, `proxy_pass ${ours};`)
  const said = await doctor(front)
  t.same(failed(said), [])
  t.equal((await doctor(front, '--as', 'igv')).code, 0)
})
