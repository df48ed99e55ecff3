/** Archives of ours in the hands of the real client, the real server, and every tool that reads tar or block gzip. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { filesOf, INDEX_SUFFIX, parseIndex } from '../../src/archive/member-index.ts'
import { annotation, noise, plainFasta } from '../support/content-shapes.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import {
  type GenomeFolder,
  type GenomeSpec,
  genomeFolder,
  USUAL,
} from '../support/genome-folder.ts'
import { run } from '../support/peers/run.ts'
import { BUILT, PYTHON_BIN, startOurs, startPeer } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'
import { until } from '../support/until.ts'

const GIBIBYTE = 1024 ** 3
// Above what a ustar header can say: the size stands in a pax record.
const HUGE = 8 * GIBIBYTE + 12_345
const SMALL_FILES = 10_000
const NODE_LINES = [22, 24]

const refdepot = (args: readonly string[], node = process.execPath) =>
  run(node, ['dist/cli/main.js', ...args])
const sha256Of = async (path: string) => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk)
  return hash.digest('hex')
}
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')
const bash = async (t: Test, script: string, ...args: string[]) => {
  const ran = await run('bash', ['-euo', 'pipefail', '-c', script, '-', ...args])
  t.equal(ran.code, 0, `${script}: ${ran.stderr.slice(-500)}`)
  return ran.stdout
}
const bytesOf = async (url: string, headers = {}) =>
  Buffer.from(await (await fetch(url, { headers })).arrayBuffer())

/** Archives a genome folder with our command. */
async function archived(
  t: Test,
  made: Pick<GenomeFolder, 'config'>,
  ...more: string[]
): Promise<void> {
  const ran = await refdepot(['archive', 'create', '-c', made.config, ...more])
  t.equal(ran.code, 0, ran.stderr)
}

async function indexOf(archive: string) {
  const index = parseIndex(await readFile(archive + INDEX_SUFFIX, 'utf8'))
  if (index === undefined) throw new Error(`${archive} has no index`)
  return index
}

t.test(
  'refgenie pulls every asset from archives of ours, from our server and from refgenieserver',
  async t => {
    const home = folderRemovedLast(t, { archives: {} })
    const archives = join(home, 'archives')
    const source = join(BUILT, 'genomes/genome_config.yaml')
    const created = await refdepot([
      'archive',
      'create',
      '-c',
      source,
      '--archive-folder',
      archives,
      '--legacy-files',
    ])
    t.match(created, { code: 0, stderr: /7 archived/ })
    const config = join(archives, 'genome_config.yaml')
    const servers = {
      ours: await startOurs(t, ['-c', config]),
      peer: await startPeer(t, archives, config),
    }
    for (const [name, server] of Object.entries(servers)) {
      const folder = join(home, name)
      await mkdir(folder)
      const client = join(folder, 'genome_config.yaml')
      const env = { ...process.env, REFGENIE: client, PATH: `${PYTHON_BIN}:${process.env.PATH}` }
      const refgenie = (...args: string[]) => run(`${PYTHON_BIN}/refgenie`, args, { env })
      t.equal((await refgenie('init', '-c', client, '-s', server)).code, 0)
      for (const [alias, genome] of [
        ['t7', T7],
        ['lambda', LAMBDA],
      ] as const) {
        const tags = alias === 't7' ? ['fasta:default', 'fasta:v2'] : ['fasta:default']
        for (const tag of [...tags, 'bowtie2_index:default', 'bwa_index:default']) {
          const pulled = await refgenie('pull', '-b', `${alias}/${tag}`)
          t.equal(pulled.code, 0, pulled.stderr)
          const [asset, tagName] = tag.split(':') as [string, string]
          const copies = [folder, join(BUILT, 'genomes')].map(top =>
            join(top, 'data', genome, asset, tagName),
          )
          // Links followed: the pulled asset holds the file that the built one links to.
          await bash(t, 'diff -r -x _refgenie_build "$1" "$2"', ...(copies as [string, string]))
        }
      }
      t.match(
        (await refgenie('seek', 't7/bwa_index')).stdout,
        /alias\/t7\/bwa_index\/default\/t7\.fa/,
      )
      const v2 = (await (await fetch(`${server}/v2/asset/t7/fasta`)).json()) as {
        archive_digest: string
      }
      t.equal(
        md5(await bytesOf(`${server}/v2/asset/t7/fasta/archive`)),
        v2.archive_digest,
        `v2 of ${name}`,
      )
    }
    const attributes = async (server: string, genome: string, asset: string) =>
      (await fetch(`${server}/v3/assets/attrs/${genome}/${asset}`)).json()
    for (const asset of ['fasta', 'bwa_index', 'bowtie2_index']) {
      t.same(await attributes(servers.ours, T7, asset), await attributes(servers.peer, T7, asset))
    }
  },
)

t.test('the server config says of assets what that of refgenieserver says', async t => {
  const home = folderRemovedLast(t)
  const source = join(BUILT, 'genomes/genome_config.yaml')
  t.equal((await refdepot(['archive', 'create', '-c', source, '--archive-folder', home])).code, 0)
  const script = `
import sys, yaml
ours, peer = (yaml.safe_load(open(path)) for path in sys.argv[1:])
for config in (ours, peer):
    config.pop('genome_archive_folder')
    for genome in config['genomes'].values():
        for asset in genome['assets'].values():
            for tag in asset['tags'].values():
                # Digests and sizes of archives differ, and the peer counts build logs as asset.
                for key in ('archive_digest', 'archive_size', 'legacy_archive_digest', 'asset_size'):
                    assert tag.pop(key)
assert ours == peer, (ours, peer)
assert type(ours['config_version']) is float
`
  const ran = await run(`${PYTHON_BIN}/python`, [
    '-c',
    script,
    join(home, 'genome_config.yaml'),
    join(BUILT, 'archives/genome_config.yaml'),
  ])
  t.equal(ran.code, 0, ran.stderr)
})

const ODD: GenomeSpec = {
  ...USUAL,
  'odd:default': {
    files: {
      'sub_{genome}/{genome}.gtf': annotation(5000),
      [`name_${'x'.repeat(110)}.txt`]: 'over 100 bytes',
      [`${'folder-with-a-long-name/'.repeat(12)}{genome}.txt`]: 'over 256 bytes',
      'ünï cödé 中.txt': 'unicode',
      'quote\'and"blank \\ back.txt': 'odd',
      'line\nend.txt': 'odder',
      '-rf': 'a name like an option',
      'empty.txt': '',
      'empty folder/': '',
      ...Object.fromEntries(
        [511, 512, 513, 65_279, 65_280, 65_281].map(size => [`size${size}.bin`, noise(size)]),
      ),
      'run.sh': { executable: '#!/bin/sh\n' },
      link: { link: 'sub_{genome}/{genome}.gtf' },
      hard: { hardLink: 'run.sh' },
    },
  },
}

t.test('GNU tar, bsdtar, Python, pigz and bgzip read every archive and every view', async t => {
  const made = await genomeFolder(t, ODD)
  await archived(t, made)
  const home = made.archiveFolder
  const server = await startOurs(t, ['-c', made.serverConfig])
  for (const asset of ['odd', 'fasta', 'bwa_index']) {
    const archive = join(home, T7, `${asset}__default.tgz`)
    await bash(t, 'pigz -t "$1"; bgzip -t "$1"; gzip -t "$1"', archive)
    const unpack = {
      gnu: 'tar xzf "$1" -C "$2"',
      bsd: 'bsdtar xf "$1" -C "$2"',
      python: `"$3" -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:gz").extractall(sys.argv[2])' "$1" "$2"`,
    }
    for (const [tool, script] of Object.entries(unpack)) {
      const folder = join(home, `${tool}-${asset}`)
      await mkdir(folder)
      await bash(t, script, archive, folder, `${PYTHON_BIN}/python`)
      await bash(t, 'diff -r -x _refgenie_build "$1/default" "$2"', folder, made.tagFolder(asset))
      await bash(t, 'test -z "$(find "$1" -name "run.sh" ! -perm 755)"', folder)
    }
    // Python's stream mode takes one gzip member only: for it there is the tar view.
    const tar = join(home, `${asset}.tar`)
    await writeFile(tar, await bytesOf(`${server}/t7/assets/${asset}/archive?format=tar`))
    const stream = `"$1" -c 'import sys, tarfile; print(sum(1 for _ in tarfile.open(fileobj=sys.stdin.buffer, mode="r|")))' < "$2"`
    const count = Number(await bash(t, stream, `${PYTHON_BIN}/python`, tar))
    t.equal(count, (await indexOf(archive)).entries.length + 1)
    for (const alias of ['t7', 'phage-seven']) {
      const view = join(home, `${alias}-${asset}.tgz`)
      const bytes = await bytesOf(`${server}/v2/asset/${alias}/${asset}/archive`)
      const { archive_digest: wanted } = (await (
        await fetch(`${server}/v2/asset/${alias}/${asset}`)
      ).json()) as { archive_digest: string }
      t.equal(md5(bytes), wanted)
      await writeFile(view, bytes)
      const names = await bash(t, 'tar tzf "$1"; bsdtar tf "$1" >/dev/null; bgzip -t "$1"', view)
      t.match(names, new RegExp(`^${asset}/\n`))
      t.notMatch(names, T7)
    }
  }
})

t.test('bgzip and samtools agree with the indexes of a served FASTA', async t => {
  const made = await genomeFolder(t, {
    'fasta:default': {
      files: { '{genome}.fa': Buffer.concat([plainFasta(300_000), plainFasta(70_000, 9, 'chr2')]) },
    },
  })
  await archived(t, made)
  const server = await startOurs(t, ['-c', made.serverConfig])
  const url = `${server}/t7/assets/fasta/files/${T7}.fa.gz`
  const folder = join(made.archiveFolder, 'samtools')
  await mkdir(folder)
  const local = join(folder, 'x.fa.gz')
  for (const suffix of ['', '.gzi', '.fai'])
    await writeFile(local + suffix, await bytesOf(url + suffix))
  await bash(
    t,
    'bgzip -t "$1"; cp "$1" "$1.copy.gz"; bgzip -r "$1.copy.gz"; cmp "$1.copy.gz.gzi" "$1.gzi"',
    local,
  )
  await bash(t, 'samtools faidx "$1.copy.gz"; cmp "$1.copy.gz.fai" "$1.fai"', local)
  const plain = join(made.tagFolder('fasta'), `${T7}.fa`)
  const regions = ['chr1:1-10', 'chr1:65270-65300', 'chr1:299990-300000', 'chr2:1-70000']
  const wanted = await bash(
    t,
    'cp "$1" "$2/p.fa"; cd "$2"; shift 2; samtools faidx p.fa "$@"',
    plain,
    folder,
    ...regions,
  )
  t.equal(await bash(t, 'samtools faidx "$@"', local, ...regions), wanted)
  t.equal(
    await bash(t, 'cd "$1"; shift; samtools faidx "$@"', folder, url, ...regions),
    wanted,
    'by ranges over HTTP',
  )
})

t.test('a file beyond 8 GiB: pax size, 64-bit offsets, views', async t => {
  const made = await genomeFolder(t, {
    'fasta:default': { files: { '{genome}.fa': plainFasta(1000), 'huge.bin': 'begin' } },
  })
  const huge = join(made.tagFolder('fasta'), 'huge.bin')
  const file = await open(huge, 'r+')
  await file.truncate(HUGE)
  await file.write(Buffer.from('end'), 0, 3, HUGE - 3)
  await file.close()
  await archived(t, made)
  const archive = join(made.archiveFolder, T7, 'fasta__default.tgz')
  const index = await indexOf(archive)
  const member = filesOf(index).find(({ path }) => path === 'huge.bin')
  t.equal(member?.size, HUGE)
  t.equal(member?.sha256, await sha256Of(huge))
  t.match(await bash(t, 'tar tvzf "$1" | grep huge', archive), new RegExp(` ${HUGE} `))
  t.match(await bash(t, 'bsdtar tvf "$1" | grep huge', archive), new RegExp(` ${HUGE} `))
  const server = await startOurs(t, ['-c', made.serverConfig])
  const files = `${server}/t7/assets/fasta/files/huge.bin`
  t.equal(String(await bytesOf(files, { range: 'bytes=-3' })), 'end')
  const gzi = await bytesOf(`${files}.gz.gzi`)
  t.ok(
    gzi.readBigUInt64LE(gzi.length - 8) > BigInt(2 * 2 ** 32 - 65_536),
    'the last block begins behind 8 GiB',
  )
  for (const alias of ['t7', 'phage-seven']) {
    const bytes = await bytesOf(`${server}/v2/asset/${alias}/fasta/archive`)
    t.match(index.views.legacy[alias], { size: bytes.length, md5: md5(bytes) })
  }
})

t.test(`an asset of ${SMALL_FILES} small files comes back`, async t => {
  const files = Object.fromEntries(
    Array.from({ length: SMALL_FILES }, (_, i) => [`d${i % 50}/f${i}`, `content ${i}`]),
  )
  const made = await genomeFolder(t, { 'many:default': { files } })
  await archived(t, made)
  const folder = join(made.archiveFolder, 'unpacked')
  await mkdir(folder)
  await bash(t, 'tar xzf "$1" -C "$2"', join(made.archiveFolder, T7, 'many__default.tgz'), folder)
  await bash(t, 'diff -r -x _refgenie_build "$1/default" "$2"', folder, made.tagFolder('many'))
})

t.test('Node.js 22 and 24 make the same archives', async t => {
  const made = await genomeFolder(t, ODD)
  await archived(t, made)
  const archives = ['odd', 'fasta', 'bwa_index'].map(asset => join(T7, `${asset}__default.tgz`))
  for (const line of NODE_LINES) {
    const node = resolve(`.peers/node-${line}/node_modules/node/bin/node`)
    const folder = join(made.genomeFolder, `../node-${line}`)
    const ran = await refdepot(
      ['archive', 'create', '-c', made.config, '--archive-folder', folder],
      node,
    )
    t.equal(ran.code, 0, ran.stderr)
    for (const archive of archives.flatMap(name => [name, name + INDEX_SUFFIX])) {
      t.equal(
        await sha256Of(join(folder, archive)),
        await sha256Of(join(made.archiveFolder, archive)),
        `${line} ${archive}`,
      )
    }
  }
})

t.test('two runs at once lose nothing', async t => {
  const spec = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`a${i}:default`, { files: { x: noise(200_000, i) } }]),
  )
  const made = await genomeFolder(t, spec)
  const names = Object.keys(spec).map(name => `t7/${name}`)
  const runs = [names.slice(0, 8), names.slice(4), ['t7']]
  const ended = await Promise.all(
    runs.map(paths => refdepot(['archive', 'create', '-c', made.config, ...paths])),
  )
  for (const { code, stderr } of ended) t.equal(code, 0, stderr)
  t.match(await refdepot(['archive', 'verify', '--deep', '-c', made.config]), { code: 0 })
  const list = JSON.parse((await refdepot(['archive', 'list', '--json', '-c', made.config])).stdout)
  t.equal(list.length, 12)
})

t.test('a Python tool that writes the config waits for us, and we wait for it', async t => {
  const made = await genomeFolder(t)
  await archived(t, made)
  const script = `
import os, sys, time
from ubiquerg import ThreeLocker, write_lock
with write_lock(sys.argv[1]):
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.02)
    time.sleep(1.5)
`
  const seen = join(made.genomeFolder, '../the-lock-was-seen')
  let hasEnded = false
  const python = run(`${PYTHON_BIN}/python`, ['-c', script, made.serverConfig, seen]).finally(
    () => {
      hasEnded = true
    },
  )
  const isLocked = async () =>
    (await readdir(made.archiveFolder)).includes('lock-write-genome_config.yaml')
  while (!hasEnded && !(await isLocked())) await new Promise(done => setTimeout(done, 20))
  const began = performance.now()
  await writeFile(seen, '')
  await archived(t, made, '--force', 't7/fasta')
  t.ok(performance.now() - began > 1500, 'the archiver has waited')
  const { code, stderr } = await python
  t.equal(code, 0, stderr)
  const { withConfigLock } = await import('../../src/config/config-lock.ts')
  let waited = false
  const locker = `
import sys
from ubiquerg import write_lock
with write_lock(sys.argv[1]):
    pass
`
  await withConfigLock(made.serverConfig, async () => {
    const ran = run(`${PYTHON_BIN}/python`, ['-c', locker, made.serverConfig]).then(() => {
      waited = true
    })
    await new Promise(done => setTimeout(done, 1500))
    t.notOk(waited, 'Python waits while we hold the lock')
    void ran
  })
  await until('Python goes on when we let go', async () => waited)
})

t.test(
  'a full disk, a read-only folder and an unreadable file are told; nothing half-made is left',
  async t => {
    const made = await genomeFolder(t, {
      'fasta:default': {
        files: { '{genome}.fa': plainFasta(5000), 'noise.bin': noise(6_000_000) },
      },
    })
    // Not in the folder of the test: a mount that stays there could not be removed with it.
    const small = await mkdtemp(join(tmpdir(), 'refdepot-small-'))
    await bash(t, 'mount -t tmpfs -o size=3m,mode=777 none "$1"', small)
    const nobodys = join(made.genomeFolder, '../nobody')
    t.teardown(() => run('umount', [small]).then(() => rm(small, { recursive: true })))
    const into = ['archive', 'create', '-c', made.config, '--archive-folder', small]
    t.match(await refdepot(into), {
      code: 1,
      stderr: /has 3\.00 MB left, but the archive needs about 5\.\d\d MB; free some space/,
    })
    t.same((await readdir(small, { recursive: true })).sort(), ['.refdepot', 'genome_config.yaml'])
    // Beyond what is foreseen: the space goes while the archive is written.
    await bash(t, 'mount -o remount,size=7m "$1"; head -c 2000000 /dev/urandom > "$1/other"', small)
    const full = await refdepot(into)
    t.match(full, { code: 1, stderr: /ENOSPC|disk is full|free some space/ })
    t.same((await readdir(small)).sort(), ['.refdepot', 'genome_config.yaml', 'other'])
    await bash(t, 'mount -o remount,ro "$1"', small)
    t.match(await refdepot(into), {
      code: 1,
      stderr: /cannot write .*: the file system is read-only/,
    })
    await bash(
      t,
      'chmod 000 "$1"; chmod -R a+rX "$2"; mkdir "$3"; chmod 777 "$3"',
      join(made.tagFolder('fasta'), 'noise.bin'),
      join(made.genomeFolder, 'data'),
      nobodys,
    )
    await bash(t, 'chmod 000 "$1"', join(made.tagFolder('fasta'), 'noise.bin'))
    const nobody = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      resolve('dist/cli/main.js'),
    ]
    const unreadable = await run('setpriv', [...nobody, ...into.slice(0, -1), nobodys])
    t.match(unreadable, { code: 1, stderr: /cannot archive .*noise\.bin: EACCES/ })
    t.ok(
      (await stat(join(nobodys, 'genome_config.yaml'))).isFile(),
      'the config is there, without the tag',
    )
  },
)
