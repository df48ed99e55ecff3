/** The library: what programs do with it, against a server of the example folder. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Client, RemoteFailed } from '../../src/client/index.ts'
import { startApp } from '../support/start-app.ts'

t.test('finds, pulls into every kind of place, and tells what happens', async t => {
  const top = t.testdir({})
  const { listen, depot } = await startApp(t)
  await depot.check()
  const url = await listen()
  const client = new Client(`${url}/`, { retries: 1, timeout: 20 })
  t.teardown(() => client.close())
  const asset = await client.resolve('t7/fasta')
  t.equal(asset.registryPath, 't7/fasta:default')
  const listed: string[] = []
  for await (const { asset } of client.list({ genome: 't7' })) listed.push(asset)
  t.ok(listed.includes('bwa_index'))
  const events: string[] = []
  const flat = await client.pull({
    names: ['t7/fasta'],
    folder: join(top, 'flat'),
    jobs: 2,
    race: true,
    onEvent: ({ event }) => events.push(event),
  })
  t.match(flat, { done: [{ action: 'pulled', subject: 't7/fasta:default' }], failed: [] })
  t.ok(events.includes('planned') && events.includes('done'))
  const notes: string[] = []
  await client.pull({
    names: ['t7/bwa_index'],
    folder: join(top, 'flat'),
    onEvent: event => {
      if (event.event === 'note') notes.push(event.message)
    },
  })
  t.match(notes, [/is a link to .*fasta.* at the server, and is left out/])
  const config = join(top, 'genome_config.yaml')
  await writeFile(config, 'config_version: 0.4\ngenome_folder: .\ngenomes: {}\n')
  t.match(await client.pull({ names: ['t7/fasta'], config }), { failed: [] })
  t.match(await readFile(config, 'utf8'), /seek_keys/)
  const kept = { names: ['t7/fasta'], folder: join(top, 'kept'), archive: true } as const
  t.match(await client.pull({ ...kept, layout: 'digest' }), { failed: [] })
  t.ok((await readdir(join(top, 'kept'))).includes(`${asset.archive.md5}.tgz`))
  const only = client.pull({ names: ['t7/fasta'], folder: join(top, 'only'), only: ['fai'] })
  await t.rejects(only, { code: 'pull-refused' }, 'this archive has no index')
  const { md5, size, urls } = asset.archive
  const file = { subject: 'an archive', size, digests: { md5 }, urls }
  await client.downloadFile(file, join(top, 'a.tgz'))
  t.equal((await readFile(join(top, 'a.tgz'))).length, size)
})

t.test('a stopped pull, a server that is not there, a token', async t => {
  const dead = new Client('http://127.0.0.1:9', { retries: 0, token: 'secret', onNote: () => {} })
  t.teardown(() => dead.close())
  await t.rejects(dead.resolve('t7/fasta'), RemoteFailed)
  t.throws(() => new Client([]), /no server is named/)
  const { listen } = await startApp(t)
  const client = new Client([await listen()], { mirrors: ['http://127.0.0.1:9/'] })
  t.teardown(() => client.close())
  const signal = AbortSignal.abort(new Error('enough'))
  const folder = join(t.testdirName, 'none')
  await t.rejects(client.pull({ names: ['t7/fasta'], folder, signal }), { message: 'enough' })
})
