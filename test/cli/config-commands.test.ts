import { appendFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runHere } from '../support/run-here.ts'

t.test('init makes a config that the archiver takes; config shows and changes it', async t => {
  const folder = t.testdir({})
  const config = join(folder, "it's here", 'genome_config.yaml')
  const archives = join(folder, 'archives')
  const init = await runHere([
    'init',
    '-c',
    config,
    '--genome-archive-folder',
    archives,
    '-s',
    'http://a',
    'http://b',
  ])
  t.match(init, { code: 0, stdout: `export REFGENIE='${config.replace("'", "'\\''")}'\n` })
  t.same((await readdir(join(folder, "it's here"))).sort(), ['alias', 'data', 'genome_config.yaml'])
  t.match(await runHere(['archive', 'create', '-c', config]), { code: 0 })
  t.match(await runHere(['init', '-c', config]), {
    code: 1,
    stderr: /exists already; give --genome-archive-folder/,
  })
  t.equal(
    (await runHere(['init', '-c', config, '--genome-archive-folder', join(folder, 'other')])).code,
    0,
  )
  const set = (...args: string[]) => runHere(['config', 'set', '-c', config, ...args])
  const get = (...args: string[]) => runHere(['config', 'get', '-c', config, ...args])
  t.equal((await get('archive-folder')).stdout, `${join(folder, 'other')}\n`)
  await appendFile(config, '# a remark\n')
  for (const change of [
    ['servers', 'http://c, http://d'],
    ['port', '81'],
    ['title', 'Depot'],
    ['genome-folder', folder],
  ]) {
    t.equal((await set(...change)).code, 0, change.join(' '))
  }
  t.match(await readFile(config, 'utf8'), /# a remark\n/)
  t.match(JSON.parse((await get('--json')).stdout), {
    version: '0.4',
    servers: 'http://c,http://d',
    port: '81',
    title: 'Depot',
    'genome-folder': folder,
  })
  t.match((await get()).stdout, /^Setting +Value\ngenome-folder +\//)
  t.equal((await get('host')).stdout, '\n', 'a setting that is not set')
  t.match(await set('nope', 'x'), {
    code: 2,
    stderr: /one of genome-folder, archive-folder, servers, port/,
  })
  t.match(await set('port', 'x'), { code: 2, stderr: /a number from 0 to 65535/ })
  t.equal((await get('nope')).code, 2)
  t.equal((await runHere(['config', 'get', '-c', '/nowhere.yaml'])).code, 3)
  const plain = join(folder, 'plain', 'g.yaml')
  t.equal(
    (await runHere(['init', '-c', plain, '--genome-folder', join(folder, 'genomes')])).stdout,
    `export REFGENIE=${plain}\n`,
  )
  t.equal((await runHere(['config', 'get', '-c', plain, 'archive-folder'])).stdout, '\n')
  await mkdir(archives, { recursive: true })
})
