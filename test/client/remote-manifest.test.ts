/** Hashes of pieces in manifests come from servers: what they say is looked at. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { RemoteCatalogue } from '../../src/client/remote-catalogue.ts'
import { remoteManifest } from '../../src/client/remote-manifest.ts'
import { Network } from '../../src/transfer/network.ts'

const MD5 = 'a'.repeat(32)
const SHA = 'b'.repeat(64)
const REQUEST = { names: ['t7/fasta'], genomes: [], assets: [], allTags: false, withPieces: true }

t.test('answers that are none are refused', async t => {
  const answers: [number, unknown][] = []
  const server = createServer((_request, response) => {
    const [status, body] = answers.shift() as [number, unknown]
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const network = new Network({ retries: 0 })
  t.teardown(async () => {
    await network.close()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/archives/${MD5}`
  const archive = { md5: MD5, size: 9, indexed: true, urls: [url] }
  const genome = { digest: 'c'.repeat(48), aliases: ['GRCh38.p14', 'hg38'] }
  const catalogue = {
    resolve: async () => ({ genome, asset: { name: 'fasta' }, tag: 'default', archive }),
  } as unknown as RemoteCatalogue
  const made = (status: number, body: unknown) => {
    answers.push([status, body])
    return remoteManifest(catalogue, network, REQUEST)
  }
  const { manifest, pieces } = await made(200, { part_size: 5, parts: [{ sha256: SHA }] })
  t.match(manifest.rows, [{ registryPath: 'hg38/fasta:default' }], 'a name that can be typed')
  t.same([...pieces], [['hg38__fasta__default.tgz', { length: 5, sha256: [SHA] }]])
  t.equal((await made(404, {})).pieces.size, 0, 'an archive of another tool')
  for (const body of [{}, { part_size: 5, parts: [{ sha256: 'x' }] }, { part_size: '5' }]) {
    await t.rejects(made(200, body), { fault: 'answer', message: /answers no hashes of parts/ })
  }
  await t.rejects(made(500, {}), { message: /answers 500/, fault: 'server-error' })
})
