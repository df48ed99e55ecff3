import t from 'tap'
import { listOf, resolveSettings } from '../../src/config/settings.ts'

const none = { flags: {}, environment: {}, file: {} }

t.test('flags win over environment, environment over file, file over defaults', async t => {
  const flags = { port: '1' }
  const environment = { REFDEPOT_PORT: '2' }
  const file = { port: '3' }
  t.equal(resolveSettings({ flags, environment, file }).port, '1')
  t.equal(resolveSettings({ ...none, environment, file }).port, '2')
  t.equal(resolveSettings({ ...none, file }).port, '3')
  t.equal(resolveSettings(none).port, '8080')
  t.equal(resolveSettings({ ...none, environment: { REFDEPOT_PORT: '' } }).port, '8080')
  t.equal(resolveSettings({ ...none, file: { port: null } }).port, '8080')
})

t.test('the name that refgenie itself uses works too', async t => {
  const environment = { REFGENIE_GENOME_ARCHIVE_FOLDER: '/a' }
  t.equal(resolveSettings({ ...none, environment })['archive-folder'], '/a')
  const both = { ...environment, REFDEPOT_ARCHIVE_FOLDER: '/b' }
  t.equal(resolveSettings({ ...none, environment: both })['archive-folder'], '/b')
})

t.test('a value that is not allowed is refused with its source and what is allowed', async t => {
  const table: [Partial<typeof none>, RegExp][] = [
    [{ flags: { port: 'x' } }, /--port: 'x' is not allowed; give a number from 0 to 65535/],
    [{ flags: { port: '65536' } }, /--port: '65536'/],
    [
      { environment: { REFDEPOT_LOG_LEVEL: 'loud' } },
      /\$REFDEPOT_LOG_LEVEL: 'loud' is not allowed; give trace, debug/,
    ],
    [
      { file: { 'public-url': 'ftp://x' } },
      /public-url in the config: 'ftp:\/\/x'.*http or https URL/,
    ],
    [{ flags: { 'base-path': 'x/' } }, /--base-path: 'x\/'/],
    [
      { file: { prot: '1' } },
      /refdepot section of the config: 'prot' is not allowed; give one of port, host/,
    ],
    [
      { file: { port: ['1'] } },
      /port in the config: '\["1"\]' is not allowed; give a single value/,
    ],
  ]
  for (const [sources, message] of table) {
    t.throws(() => resolveSettings({ ...none, ...sources }), { code: 'setting-invalid', message })
  }
})

t.test('lists are split at commas', async t => {
  t.same(listOf(' a, b,,c '), ['a', 'b', 'c'])
  t.same(listOf(''), [])
})
