/** What the commands of the client tell beside their work. */
import t from 'tap'
import { untilStopped } from '../../src/cli/until-stopped.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

t.test('a file of authorities that is not there is told by every command', async t => {
  const { listen, depot } = await startApp(t)
  await depot.check()
  const server = ['--server', await listen()]
  const before = process.env.SSL_CERT_FILE
  process.env.SSL_CERT_FILE = '/nowhere/authorities.pem'
  t.teardown(() => {
    if (before === undefined) delete process.env.SSL_CERT_FILE
    else process.env.SSL_CERT_FILE = before
  })
  for (const args of [
    ['ls', ...server],
    ['lock', 't7/fasta', ...server],
    ['manifest', 'create', 't7/fasta', ...server],
  ]) {
    const { code, stderr } = await runHere(args)
    t.equal(code, 0, stderr)
    t.match(stderr, /\$SSL_CERT_FILE names \/nowhere\/authorities\.pem, which is no file/)
  }
})

t.test('a second server that cannot be reached is told, and the first one is enough', async t => {
  const { listen, depot } = await startApp(t)
  await depot.check()
  const servers = ['--server', await listen(), '--server', 'http://127.0.0.1:9', '--retries', '0']
  for (const args of [
    ['lock', 't7/fasta', ...servers],
    ['manifest', 'create', 't7/fasta', ...servers],
  ]) {
    const { code, stderr } = await runHere(args)
    t.equal(code, 0, stderr)
    t.match(stderr, /127\.0\.0\.1:9/)
  }
})

t.test('a limit of file sizes does not end the process', async t => {
  const before = process.listenerCount('SIGXFSZ')
  const code = await untilStopped(async () => {
    t.equal(process.listenerCount('SIGXFSZ'), before + 1)
    process.emit('SIGXFSZ' as 'SIGINT')
    return 7
  })
  t.equal(code, 7)
  t.equal(process.listenerCount('SIGXFSZ'), before)
})
