import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { EXAMPLE, exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

const LARGE_BYTES = 1024 ** 3
const RELOADS = 20
const REQUESTS = 2000
const CLIENTS = 16

/** A sparse file is as long to read and send as any other. */
async function largeArchive(t: Test, bytes: number) {
  const { folder, config } = await exampleCopy(t)
  const { open } = await import('node:fs/promises')
  const file = await open(join(folder, T7_FASTA), 'w')
  await file.write('start')
  await file.truncate(bytes)
  await file.write('end', bytes - 3)
  await file.close()
  const { md5 } = await fileDigests(join(folder, T7_FASTA))
  const text = await readFile(config, 'utf8')
  const { md5: old } = await fileDigests(join(EXAMPLE, T7_FASTA))
  await writeFile(config, text.replace(old, md5))
  return { folder, config, md5 }
}

const ask = (url: string) =>
  new Promise<IncomingMessage>((done, failed) =>
    get(url, { agent: false }, done).on('error', failed),
  )

t.test('a download that runs over a reload which deletes its asset ends whole', async t => {
  const { folder, config, md5 } = await largeArchive(t, LARGE_BYTES)
  const { depot, listen } = await startApp(t, { config, archiveFolder: folder })
  const url = `${await listen()}/v3/assets/archive/${T7}/fasta`
  const response = await ask(url)
  const hash = createHash('md5')
  let received = 0
  for await (const chunk of response) {
    if (received === 0) {
      await writeFile(config, `genomes:\n  ${LAMBDA}:\n    aliases: [lambda]\n`)
      await depot.reload()
      await rm(join(folder, T7_FASTA))
      t.equal((await ask(url)).statusCode, 404, 'a new request finds it gone')
    }
    received += chunk.length
    hash.update(chunk)
  }
  t.equal(received, LARGE_BYTES)
  t.equal(hash.digest('hex'), md5)
})

t.test('reloads under load give no mixed answer and no 5xx', async t => {
  const { folder, config } = await exampleCopy(t)
  const { depot, listen } = await startApp(t, { config, archiveFolder: folder })
  const url = await listen()
  const both = await readFile(config, 'utf8')
  const one = `${both.slice(0, both.indexOf(`  ${LAMBDA}:`))}\n`
  const allowed = new Set<string>()
  for (const text of [one, both]) {
    await writeFile(config, text)
    await depot.reload()
    allowed.add(await (await fetch(`${url}/_private_api/genomes/dict`)).text())
  }
  t.equal(allowed.size, 2)
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.teardown(() => agent.destroy())
  const answers = { right: 0, wrong: 0 }
  const client = async () => {
    for (let i = 0; i < REQUESTS / CLIENTS; i += 1) {
      const body = await new Promise<string>((done, failed) => {
        get(`${url}/_private_api/genomes/dict`, { agent }, async response => {
          const text = Buffer.concat(await response.toArray()).toString()
          done(response.statusCode === 200 ? text : `status ${response.statusCode}`)
        }).on('error', failed)
      })
      answers[allowed.has(body) ? 'right' : 'wrong'] += 1
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  for (let i = 0; i < RELOADS; i += 1) {
    await writeFile(config, i % 2 === 0 ? one : both)
    await depot.reload()
    await wait(10)
  }
  await clients
  t.same(answers, { right: REQUESTS, wrong: 0 })
})

t.test('a file that shrinks while it is sent breaks the connection and is logged', async t => {
  const { folder, config } = await largeArchive(t, 64 * 1024 * 1024)
  const { listen, log } = await startApp(t, { config, archiveFolder: folder })
  const response = await ask(`${await listen()}/v3/assets/archive/${T7}/fasta`)
  await new Promise(done => response.once('readable', done))
  await writeFile(join(folder, T7_FASTA), 'short')
  await t.rejects(response.toArray(), /aborted/)
  t.ok(
    log.some(
      line => line.msg === 'the answer was broken off' && /promised/.test(JSON.stringify(line.err)),
    ),
  )
})

t.test('clients that go away leave no descriptor behind', async t => {
  const { folder, config } = await largeArchive(t, 64 * 1024 * 1024)
  const { listen } = await startApp(t, { config, archiveFolder: folder })
  const url = `${await listen()}/v3/assets/archive/${T7}/fasta`
  const openFiles = async () => {
    const links = await readdir('/proc/self/fd')
    const { readlink } = await import('node:fs/promises')
    const names = await Promise.all(
      links.map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return names.filter(name => name.endsWith('.tgz')).length
  }
  const responses = await Promise.all(Array.from({ length: 20 }, () => ask(url)))
  t.equal(await openFiles(), 20)
  for (const response of responses) response.destroy()
  for (let i = 0; i < 200 && (await openFiles()) > 0; i += 1) await wait(10)
  t.equal(await openFiles(), 0)
})
