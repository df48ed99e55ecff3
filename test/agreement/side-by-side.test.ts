import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, type SeenAnswer } from '../support/peers/answer.ts'
import { EXPLANATIONS } from '../support/peers/explained-differences.ts'
import { type PeerRequest, peerRequests } from '../support/peers/requests.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PEER_VERSION, PYTHON_BIN, startOurs, startPeer } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const MINIMUM_COMPARISONS = 300
const ARCHIVES = `${BUILT}/archives`

interface Difference {
  readonly request: PeerRequest
  readonly peer: SeenAnswer
  readonly ours: SeenAnswer
}

const fired = new Set<string>()

/** Puts every request to both and answers what differs without a reason. */
async function compare(t: Test, peer: string, ours: string): Promise<number> {
  const requests = peerRequests()
  const unexplained: Difference[] = []
  for (const request of requests) {
    const [theirs, mine] = await Promise.all([ask(peer, request), ask(ours, request)])
    if (JSON.stringify(theirs) === JSON.stringify(mine)) continue
    const reason = EXPLANATIONS.find(it => it.matches(request, theirs, mine))
    if (reason === undefined) unexplained.push({ request, peer: theirs, ours: mine })
    else fired.add(reason.id)
  }
  for (const difference of unexplained) t.comment(JSON.stringify(difference, null, 1))
  t.same(unexplained.length, 0, `${requests.length} requests, each answered alike or with a reason`)
  return requests.length
}

t.test('refgenieserver and refdepot answer alike', async t => {
  const { stdout } = await run(`${PYTHON_BIN}/pip`, ['show', 'refgenieserver'])
  t.match(stdout, new RegExp(`Version: ${PEER_VERSION.replaceAll('.', '\\.')}\n`))
  const config = `${ARCHIVES}/genome_config.yaml`
  const peer = await startPeer(t, ARCHIVES, config)
  const ours = await startOurs(t, ['-c', config])
  const count = await compare(t, peer, ours)
  t.ok(count >= MINIMUM_COMPARISONS, `${count} comparisons`)

  const [theirs, mine] = await Promise.all(
    [peer, ours].map(
      async server => (await fetch(`${server}/openapi.json`)).json() as Promise<Document>,
    ),
  )
  t.equal(theirs?.info.version, PEER_VERSION)
  for (const [path, item] of Object.entries(theirs?.paths ?? {})) {
    const root = !/^\/(v\d|_private_api)/.test(path)
    const id = item.get.operationId
    const expected = root
      ? `root_${theirs?.paths[path === '/' ? '/v3/' : `/v3${path}`]?.get.operationId}`
      : id
    t.equal(mine?.paths[path]?.get.operationId, expected, path)
  }
})

t.test('with remotes, too', async t => {
  const config = join(folderRemovedLast(t), 'genome_config.yaml')
  const remotes =
    'remotes:\n  http:\n    prefix: https://cdn.example.org/x\n    description: copy\n  s3:\n    prefix: s3://x\n    description: copy\n'
  await writeFile(config, remotes + (await readFile(`${ARCHIVES}/genome_config.yaml`, 'utf8')))
  const peer = await startPeer(t, ARCHIVES, config)
  const ours = await startOurs(t, ['-c', config])
  await compare(t, peer, ours)
})

t.test('every explained difference happens and is documented', async t => {
  const page = await readFile('docs/compatibility.md', 'utf8')
  for (const { id } of EXPLANATIONS) {
    t.ok(fired.has(id), `${id} happened`)
    t.match(page, new RegExp(`\\b${id}\\b`), `${id} is documented`)
  }
})

interface Document {
  info: { version: string }
  paths: Record<string, { get: { operationId: string } }>
}
