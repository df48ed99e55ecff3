/** Settings of the client: which one counts, and what is wrong with a file. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type SettableFlags, withClientSettings } from '../../src/cli/client-defaults.ts'
import { clientSettings, clientSettingsPath } from '../../src/client/client-settings.ts'

async function withFile(t: Test, text: string) {
  const path = join(t.testdir({}), 'config.yaml')
  await writeFile(path, text)
  return { path, env: { REFDEPOT_CLIENT_CONFIG: path, HOME: '/home/me' } }
}

function messageOf(env: NodeJS.ProcessEnv): string {
  try {
    clientSettings(env)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

t.test('where the file is', t => {
  t.equal(clientSettingsPath({ REFDEPOT_CLIENT_CONFIG: '/a.yaml', HOME: '/h' }), '/a.yaml')
  t.equal(clientSettingsPath({ XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/x/refdepot/config.yaml')
  t.equal(clientSettingsPath({ HOME: '/h' }), '/h/.config/refdepot/config.yaml')
  t.equal(clientSettingsPath({}), '/.config/refdepot/config.yaml')
  t.end()
})

t.test('environment over file, each with its source', async t => {
  const { path, env } = await withFile(
    t,
    `# mine
server:
  - https://a.org/base
  - https://b.org
jobs: 4
ca-file: certificates/own.pem
token-file: ~/token
output: /data
`,
  )
  const settings = clientSettings({
    ...env,
    REFDEPOT_JOBS: '12',
    REFDEPOT_MIRROR: 'http://m,http://n',
  })
  t.same(Object.fromEntries(settings), {
    server: { values: ['https://a.org/base', 'https://b.org'], source: `${path}:3` },
    mirror: { values: ['http://m', 'http://n'], source: '$REFDEPOT_MIRROR' },
    jobs: { values: ['12'], source: '$REFDEPOT_JOBS' },
    'ca-file': { values: [join(path, '../certificates/own.pem')], source: `${path}:6` },
    'token-file': { values: ['/home/me/token'], source: `${path}:7` },
    output: { values: ['/data'], source: `${path}:8` },
  })
  t.equal(clientSettings({ REFDEPOT_CLIENT_CONFIG: join(path, 'below') }).size, 0)
})

t.test('what is wrong is told with its line', async t => {
  const wrong: readonly [string, RegExp][] = [
    [
      'jobs: 4\nservers: https://a.org\n',
      /config\.yaml:2: servers is no setting of the client; there are server, mirror/,
    ],
    ['token: geheim\n', /config\.yaml:1: token has no place here.*token-file/],
    ['\n\njobs: many\n', /:3: jobs must be a number from 1 to 64/],
    ['jobs: [1, 2]\n', /:1: jobs must be a number/],
    ['server: []\n', /:1: server must be an http/],
    ['server: https://me:geheim@a.org\n', /:1: server must be an http or https URL without user/],
    ['layout: tree\n', /refgenie, flat or digest/],
    ['- a\n', /is no list of settings/],
    ['jobs: 1\njobs: 2\n', /config\.yaml/],
  ]
  for (const [text, message] of wrong) {
    const { env } = await withFile(t, text)
    t.throws(() => clientSettings(env), { message }, text)
    t.notMatch(messageOf(env), /geheim/)
  }
  for (const [name, value] of [
    ['REFDEPOT_JOBS', '0'],
    ['REFDEPOT_SERVER', 'https://me:geheim@a.org'],
    ['REFDEPOT_SERVER', ' , '],
    ['REFDEPOT_TIMEOUT', '1s'],
  ] as const) {
    const env = { REFDEPOT_CLIENT_CONFIG: '/nowhere', [name]: value }
    t.throws(() => clientSettings(env), {
      code: 'setting-invalid',
      message: new RegExp(`\\$${name}`),
    })
    t.notMatch(messageOf(env), /geheim/)
  }
})

t.test('a file that cannot be read is told, a folder too', async t => {
  const folder = t.testdir({})
  t.throws(() => clientSettings({ REFDEPOT_CLIENT_CONFIG: folder }), { code: 'config-unreadable' })
})

t.test('flags over settings; the token goes to nobody else', async t => {
  const { env } = await withFile(
    t,
    'server: https://a.org\ntoken-file: /t\noutput: /data\nlayout: flat\nretries: 3\n',
  )
  t.same(withClientSettings({}, env), {
    server: ['https://a.org'],
    retries: '3',
    tokenFile: '/t',
    output: '/data',
    layout: 'flat',
  })
  t.same(withClientSettings({ server: ['https://a.org/x'], config: 'c', retries: '0' }, env), {
    server: ['https://a.org/x'],
    config: 'c',
    retries: '0',
    tokenFile: '/t',
  })
  const other = withClientSettings({ server: ['https://b.org'], output: 'o' }, env)
  t.same(other, { server: ['https://b.org'], output: 'o', retries: '3' })
  const taken = { ...env, REFDEPOT_SERVER: 'https://b.org', REFGENIE: '/c.yaml' }
  const byEnvironment = withClientSettings<SettableFlags>({}, taken)
  t.equal(byEnvironment.output, undefined)
  t.equal(
    byEnvironment.tokenFile,
    undefined,
    'the server of the environment is not that of the file',
  )
  t.equal(
    withClientSettings<SettableFlags>({}, { ...env, REFDEPOT_TOKEN: 'x' }).tokenFile,
    undefined,
  )
  const odd = withClientSettings<SettableFlags>({ server: ['nonsense'] }, env)
  t.equal(odd.tokenFile, undefined)
  const own = { ...taken, REFDEPOT_TOKEN_FILE: '/own' }
  t.equal(withClientSettings<SettableFlags>({}, own).tokenFile, '/own')
})
