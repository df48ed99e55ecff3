/** A bundle on a machine that reaches nothing: imported, listed, served; the Python client pulls from it. */
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'
import { freePort } from '../support/free-port.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startPeer } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const ARCHIVES = `${BUILT}/archives`
const MAIN = resolve('dist/cli/main.js')

/** The files of an asset as the real tools have built them. */
async function builtFiles(asset: string): Promise<Map<string, Buffer>> {
  const folder = join(BUILT, 'genomes/data', T7, asset, 'default')
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) files.set(entry.name, await readFile(join(folder, entry.name)))
  }
  return files
}

// In a network namespace of its own, with nothing but a loopback.
const SCRIPT = `
set -euo pipefail
ip link set lo up
test -z "$(ip route)"
! curl -s --max-time 5 http://1.1.1.1/ || exit 91
refdepot() { "$NODE" "$MAIN" "$@"; }
cd "$HOME"
refdepot bundle verify refs.bundle
refdepot bundle list refs.bundle
refdepot bundle import refs.bundle -o imported --layout refgenie
refdepot bundle import refs.bundle --archives archives
"$NODE" "$MAIN" bundle serve refs.bundle -p "$PORT" --host 127.0.0.1 > serve.log 2>&1 &
SERVER=$!
trap 'kill $SERVER' EXIT
for i in $(seq 100); do curl -sf "http://127.0.0.1:$PORT/readyz" > /dev/null && break; sleep 0.2; done
URL="http://127.0.0.1:$PORT"
refdepot pull t7/bowtie2_index --server "$URL" -o pulled --layout flat --quiet
refdepot sync <(refdepot lock t7/fasta --server "$URL") -o synced --layout flat --quiet
refgenie init -c python.yaml -s "$URL"
export REFGENIE="$HOME/python.yaml"
refgenie pull -b t7/fasta
refgenie seek t7/fasta
export REFGENIE="$HOME/imported/genome_config.yaml"
refgenie seek t7/bowtie2_index
refgenie list
`

t.test('without any route: verify, list, import, serve, pull, and the Python client', async t => {
  const home = folderRemovedLast(t)
  const bundle = join(home, 'refs.bundle')
  const peer = await startPeer(t, ARCHIVES, `${ARCHIVES}/genome_config.yaml`)
  const created = await run(process.execPath, [
    MAIN,
    ...['bundle', 'create', 't7/fasta', 't7/bowtie2_index', '--server', peer, '-o', bundle],
  ])
  t.equal(created.code, 0, created.stderr)
  t.same(await readdir(home), ['refs.bundle'], 'nothing else is left')
  const env = {
    PATH: `${PYTHON_BIN}:${process.env.PATH}`,
    HOME: home,
    NODE: process.execPath,
    MAIN,
    PORT: String(await freePort()),
  }
  const offline = await run('unshare', ['-rn', 'bash', '-c', SCRIPT], { env, cwd: home })
  t.equal(offline.code, 0, `${offline.stderr}\n${offline.stdout}`)
  t.match(offline.stdout, /sound .*: 2 archives/)
  t.match(offline.stdout, /t7\/bowtie2_index:default +\d/)
  t.match(offline.stdout, new RegExp(`${home}/alias/t7/fasta/default/t7.fa`))
  for (const [asset, places] of [
    ['fasta', [`data/${T7}/fasta/default`, `imported/data/${T7}/fasta/default`, 'synced/t7/fasta']],
    ['bowtie2_index', [`imported/data/${T7}/bowtie2_index/default`, 'pulled/t7/bowtie2_index']],
  ] as const) {
    const built = await builtFiles(asset)
    t.ok(built.size > 2)
    for (const place of places) {
      for (const [name, content] of built) {
        t.ok((await readFile(join(home, place, name))).equals(content), `${place}/${name}`)
      }
    }
  }
})
