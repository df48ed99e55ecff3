/** `refdepot config` on the settings of the client. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

t.test('set, get, show, unset', async t => {
  const path = join(t.testdir({}), 'new', 'config.yaml')
  const config = (...args: string[]) =>
    runHere(['config', ...args], { REFDEPOT_CLIENT_CONFIG: path, REFDEPOT_TOKEN: 'geheim' })
  t.match(await config('path'), { code: 0, stdout: `${path}\n` })
  t.match(await config('get', 'jobs'), { code: 0, stdout: '10\n' })
  t.equal((await config('set', 'server', 'https://a.org,https://b.org')).code, 0)
  t.equal((await config('set', 'jobs', '4')).code, 0)
  t.equal((await config('set', 'output', 'here')).code, 0)
  t.equal((await config('set', 'token-file', '~/token')).code, 0)
  const written = await readFile(path, 'utf8')
  t.match(written, /server:\n +- https:\/\/a\.org\n +- https:\/\/b\.org\njobs: "?4"?\n/)
  await writeFile(path, written.replace('jobs', '# a remark\njobs'))
  t.match(await config('get', 'server'), { code: 0, stdout: 'https://a.org https://b.org\n' })
  const shown = await config('show')
  t.match(
    shown.stdout,
    /^Setting +Value +From\nserver +https:\/\/a\.org https:\/\/b\.org +\/.*:2\n/,
  )
  t.match(shown.stdout, /\nretries +8 +default\n/)
  t.match(shown.stdout, /\ntoken +\[redacted\] +\$REFDEPOT_TOKEN\n/)
  t.match(JSON.parse((await config('show', '--json')).stdout), {
    output: { value: join(process.cwd(), 'here') },
    token: { value: '[redacted]' },
  })
  t.notMatch(JSON.stringify([shown, await config('show', '--json')]), /geheim/)
  t.equal((await config('unset', 'server')).code, 0)
  t.match(await readFile(path, 'utf8'), /^# a remark\njobs/)
  t.equal((await config('unset', 'server')).code, 0, 'twice')
  for (const key of ['jobs', 'output', 'token-file']) await config('unset', key)
  t.notMatch(await readFile(path, 'utf8'), /[{}]/)
  t.equal((await config('show')).code, 0)
})

t.test('what is wrong is refused, and nothing is written', async t => {
  const path = join(t.testdir({}), 'config.yaml')
  const config = (...args: string[]) =>
    runHere(['config', ...args], { REFDEPOT_CLIENT_CONFIG: path })
  t.match(await config('set', 'jobs', 'many'), { code: 2, stderr: /jobs: 'many'.*1 to 64/ })
  const secret = await config('set', 'server', 'https://me:geheim@a.org')
  t.equal(secret.code, 2)
  t.notMatch(secret.stderr, /geheim/)
  t.match(await config('unset', 'port'), { code: 2, stderr: /one of server, mirror/ })
  await t.rejects(stat(path))
  await writeFile(path, 'nope: 1\n')
  t.match(await config('set', 'jobs', '4'), {
    code: 1,
    stderr: /config\.yaml:1: nope is no setting/,
  })
  t.equal(await readFile(path, 'utf8'), 'nope: 1\n')
  t.match(await runHere(['doctor', 'http://a.invalid'], { REFDEPOT_CLIENT_CONFIG: path }), {
    code: 1,
    stderr: /nope is no setting/,
  })
})

t.test(
  'commands take what is set: servers, limits, folders; what needs none does not look',
  async t => {
    const folder = t.testdir({})
    const path = join(folder, 'config.yaml')
    const { listen } = await startApp(t)
    const url = await listen()
    await writeFile(path, `server: ${url}\nlayout: digest\noutput: pulled\nretries: 0\n`)
    const env = { REFDEPOT_CLIENT_CONFIG: path }
    const pulled = await runHere(['pull', 't7/fasta'], env)
    t.equal(pulled.code, 0, pulled.stderr)
    t.equal((await stat(join(folder, 'pulled'))).isDirectory(), true)
    const where = await runHere(['path', 't7/fasta'], env)
    t.match(where, { code: 0, stdout: join(folder, 'pulled') })
    t.match(await runHere(['ls', '-o', join(folder, 'pulled')], env), {
      code: 0,
      stdout: /t7\/fasta/,
    })
    const made = await runHere(['manifest', 'create', 't7/fasta'], env)
    t.match(made, { code: 0, stdout: /fasta/ }, made.stderr)
    const flag = ['--server', 'http://127.0.0.1:9']
    t.match(await runHere(['ls', ...flag, 't7'], env), { code: 1, stderr: /127\.0\.0\.1:9/ })
    await writeFile(path, 'nope: 1\n')
    t.match(await runHere(['ls'], env), { code: 1, stderr: /nope is no setting/ })
    t.match(
      await runHere(
        ['archive', 'list', '-c', 'example/genome_config.yaml', '--archive-folder', 'example'],
        env,
      ),
      {
        code: 0,
      },
    )
  },
)
