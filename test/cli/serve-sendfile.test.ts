import { createSocket } from 'node:dgram'
import { writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { EXAMPLE, exampleCopy } from '../support/example-folder.ts'
import { freeUdpPort } from '../support/free-port.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { runCli, serveCli } from '../support/run-cli.ts'

const CONFIG = `${EXAMPLE}/genome_config.yaml`

// Where there is no IPv6 the test is about the other kind of address.
const [LOOPBACK, KIND, SHOWN] = Object.values(networkInterfaces())
  .flat()
  .some(at => at?.address === '::1')
  ? (['::1', 'udp6', '[::1]'] as const)
  : (['127.0.0.1', 'udp4', '127.0.0.1'] as const)

t.test('files are handed over to a proxy that is trusted, and reports are taken', async t => {
  const port = await freeUdpPort('::1')
  const { folder, config } = await exampleCopy(t)
  const at = ['-c', config, '--archive-folder', folder]
  const served = await serveCli(t, [
    ...[...at, '--trust-proxy', 'loopback', '--sendfile', 'x-accel-redirect=/a/b'],
    ...['--sendfile-report', `${SHOWN}:${port}`, '--count-downloads', 'true'],
  ])
  await writeFile(join(folder, T7, 'build_log_fasta__default.md'), 'x'.repeat(100_000))
  const order = await new Promise<IncomingHttpHeaders>(done => {
    const headers = { 'x-sendfile-type': 'X-Accel-Redirect' }
    request(`${served.url}/t7/assets/fasta/log`, { headers }, answer => {
      answer.resume()
      done(answer.headers)
    }).end()
  })
  t.equal(order['x-accel-redirect'], `/a/b/${T7}/build_log_fasta__default.md`)
  const name = order['x-refdepot-transfer']
  const socket = createSocket(KIND)
  socket.send(`transfer=${name} sent=1234 status=200 complete=`, port, LOOPBACK)
  const bytes = async () => {
    const stats = await fetch(`${served.url}/stats?asset=fasta`)
    return ((await stats.json()) as { totals: { bytes: number } }).totals.bytes
  }
  while ((await bytes()) === 0) await wait(50)
  t.equal(await bytes(), 1234)
  const taken = await runCli([
    ...['serve', ...at, '-p', '0', '--trust-proxy', 'loopback', '--sendfile', 'x-accel-redirect'],
    ...['--sendfile-report', `${SHOWN}:${port}`],
  ])
  t.equal(taken.code, 2)
  t.match(taken.stderr, /--sendfile-report: .*an address that is free \(.*EADDRINUSE/)
  socket.close()
  t.equal(await served.stop(), 0)
})

t.test('a hand-over without a proxy, or of what lies in no folder, is refused', async t => {
  const at = ['serve', '-c', CONFIG, '--archive-folder', EXAMPLE, '-p', '0']
  for (const [flags, message] of [
    [['--sendfile', 'x-accel-redirect'], /give the proxy that gets the files: --trust-proxy/],
    [['--sendfile', 'x-accel-redirect=/a/../b'], /give x-accel-redirect, x-accel-redirect=/],
    [['--sendfile', 'sendfile'], /--sendfile: 'sendfile' is not allowed/],
    [
      ['--sendfile', 'x-sendfile', '--trust-proxy', '::1', '--sendfile-report', '[::1]:8514'],
      /only nginx reports/,
    ],
    [['--sendfile-report', '8514'], /an address and a port such as 127.0.0.1:8514/],
  ] as const) {
    const run = await runCli([...at, ...flags])
    t.equal(run.code, 2, flags.join(' '))
    t.match(run.stderr, message)
  }
  const mirror = await runCli([
    ...['serve', '--store', 'http://127.0.0.1:9', '--cache-folder', t.testdir({}), '-p', '0'],
    ...['--sendfile', 'x-sendfile', '--trust-proxy', 'loopback'],
  ])
  t.not(mirror.code, 0)
})
