/** `refdepot pull` from the real refgenieserver, into a folder that the real refgenie client sees as its own. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { BUILT, PYTHON_BIN, startPeer } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const run = promisify(execFile)
const ARCHIVES = `${BUILT}/archives`

/** A command of ours; answers its end. */
const refdepot = (...args: string[]) =>
  run(process.execPath, ['dist/cli/main.js', ...args], {
    env: { ...process.env, REFGENIE: '', REFDEPOT_SERVER: '', REFDEPOT_TOKEN: '' },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    error => ({ code: Number(error.code), stdout: `${error.stdout}`, stderr: `${error.stderr}` }),
  )

t.test('everything of a genome, and the Python client works on it', async t => {
  const peer = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const out = join(folderRemovedLast(t), 'genomes')
  const listed = await refdepot('ls', 't7', '--json', '--server', peer)
  const names = JSON.parse(listed.stdout).map((row: { asset: string }) => row.asset)
  t.ok(names.includes('bwa_index') && names.includes('fasta'))
  const args = ['--server', peer, '-o', out, '--layout', 'refgenie']
  const pulled = await refdepot('pull', '--genome', 't7', ...args)
  t.equal(pulled.code, 0, pulled.stderr)
  t.match((await refdepot('pull', 't7/fasta', ...args)).stdout, /^current/)
  const config = join(out, 'genome_config.yaml')
  const refgenie = (...more: string[]) => run(`${PYTHON_BIN}/refgenie`, [...more, '-c', config])
  const { stdout } = await refgenie('seek', 't7/fasta')
  const fasta = await readFile(stdout.trim())
  const built = await readFile(`${BUILT}/genomes/data/${T7}/fasta/default/${T7}.fa`)
  const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')
  t.equal(md5(fasta), md5(built))
  t.match((await refgenie('list', '-g', 't7')).stdout, /fasta/)
  await refgenie('remove', 't7/bwa_index', '-f')
  t.equal(await stat(join(out, 'data', T7, 'bwa_index')).catch(() => 'gone'), 'gone')
  t.equal((await refdepot('pull', 't7/bwa_index', ...args)).code, 0, 'and back again')
})

t.test('what the peer does not have is told with what it has', async t => {
  const peer = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const out = join(folderRemovedLast(t), 'out')
  const pull = (name: string) => refdepot('pull', name, '--server', peer, '-o', out)
  t.match(await pull('t8/fasta'), { code: 3, stderr: /did you mean t7/ })
  t.match(await pull('t7/fasat'), { code: 3, stderr: /did you mean fasta/ })
  t.match(await pull('t7/fasta:v9'), { code: 3, stderr: /there is no tag/ })
  const url = await refdepot('url', 't7/fasta', '--server', peer)
  t.equal((await fetch(url.stdout.trim())).status, 200)
  t.equal(await stat(out).catch(() => 'nothing'), 'nothing')
})
