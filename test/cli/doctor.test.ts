/** `refdepot doctor` over our own app: all is well for every client; what it prints, and how it ends. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CLIENTS } from '../../src/client/doctor/replay-client.ts'
import { controlledApp } from '../support/controlled-app.ts'
import { create } from '../support/create-archives.ts'
import { crookedServer } from '../support/crooked-server.ts'
import { fastaFiles } from '../support/fasta-files.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

t.test('our server is all right for everybody', async t => {
  const made = await genomeFolder(t)
  await create(made)
  const app = await startApp(t, { config: made.serverConfig, archiveFolder: made.archiveFolder })
  const url = await app.listen()
  for (const as of [[], ...CLIENTS.map(name => ['--as', name])]) {
    const { code, stdout, stderr } = await runHere(['doctor', `${url}/`, ...as])
    t.equal(code, 0, stdout + stderr)
    t.match(stdout, /^ok +software +refdepot/m)
    t.match(stdout, /\n\d+ ok, 0 to look at, 0 failed\n$/, as.join(' '))
  }
  const { stdout } = await runHere(['doctor', url, '--as', 'htslib'])
  t.match(stdout, /^ok +open-again/m)
})

t.test('with a token: what it lets see, and that it is refused', async t => {
  const { listen, callers } = await controlledApp(t)
  const url = await listen()
  const file = join(t.testdirName, 'token')
  const doctor = async (token: string, ...more: string[]) => {
    await writeFile(file, token, { mode: 0o600 })
    return runHere(['doctor', url, '--token-file', file, ...more])
  }
  const token = callers.right ?? ''
  const { code, stdout } = await doctor(token)
  t.equal(code, 0, stdout)
  const [, own, open] =
    /accepted: (\d+) assets.*; without credentials (\d+) assets/.exec(stdout) ?? []
  t.ok(Number(own) > Number(open), stdout)
  t.notMatch(stdout, token)
  t.match(await doctor('rd_nonsense'), {
    code: 1,
    stdout: /fail +access +the credentials are refused/,
  })
  t.match((await doctor(token, '--as', 'refgenie')).stdout, /warn +token +the token was not sent/)
})

t.test('faults are printed with what to change; JSON has the same', async t => {
  const { url } = await crookedServer(t, fastaFiles(1000), { noCors: true, headStatus: 405 })
  const address = `${url}/x.fa?signature=geheim`
  const text = await runHere(['doctor', address])
  t.equal(text.code, 1)
  t.match(text.stdout, /^fail +head +HEAD answers 405\n +fix: answer HEAD as GET.*\n +nginx:\n/m)
  t.match(text.stdout, /add_header Access-Control-Allow-Origin \* always;/)
  t.match(text.stdout, /aws s3api put-bucket-cors/)
  t.match(text.stdout, /s3: as above/)
  const json = await runHere([
    'doctor',
    address,
    '--json',
    '--as',
    'igv',
    '--origin',
    'https://a.org',
  ])
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), { url: `${url}/x.fa`, as: 'igv', ok: false })
  t.notMatch(text.stdout + json.stdout, /geheim/)
})

t.test('snippets are those of what serves', async t => {
  const { url } = await crookedServer(t, fastaFiles(1000), { noCors: true, software: 'AmazonS3' })
  const bucket = (await runHere(['doctor', `${url}/x.fa`])).stdout
  t.match(bucket, /put-bucket-cors/)
  t.notMatch(bucket, /add_header/)
  const other = await crookedServer(t, fastaFiles(1000), { noCors: true, software: 'nginx/1.24' })
  const nginx = (await runHere(['doctor', `${other.url}/x.fa`])).stdout
  t.match(nginx, /add_header/)
  t.notMatch(nginx, /put-bucket-cors/)
})

t.test('what is no address is refused without showing what is in it', async t => {
  for (const [url, ...more] of [
    ['ftp://a.org/x'],
    ['http://user:geheim@a.org/'],
    ['http://a.org', '--origin', 'https://a.org/path'],
    ['http://a.org', '--as', 'netscape'],
  ] as const) {
    const { code, stderr } = await runHere(['doctor', url, ...more])
    t.equal(code, 2, url)
    t.notMatch(stderr, /geheim/)
  }
})
