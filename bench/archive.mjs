/**
 * Measures the archiver against its peers in one run: `npm run bench:archive [-- ROUNDS]`.
 *
 * - `refgenieserver archive` and `tar | pigz` over the genome folder of make-archiver-input.sh (530 MB of assets): wall, CPU, disk, sizes.
 * - A re-run with nothing to do over 20,000 archives (seconds).
 * - Reads of 64 KiB at random places of a packed file (milliseconds, p50).
 *
 * Ratios are printed with their targets and kept with all samples in results.json, section `archiver`; the median round counts, since these
 * machines are noisy. Each side begins a round in turn. The exit code is 1 when a target is missed.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { memberBlob } from '../dist/archive/member-blob.js'
import { parseIndex } from '../dist/archive/member-index.js'
import { FileStore } from '../dist/storage/file-store.js'

const ROUNDS = Number(process.argv[2] ?? 3)
const DIR = resolve(process.env.BENCH_DIR ?? 'bench/.work/archiver')
const VENV = process.env.REFGENIE_VENV ?? '/srv/refgenie/venv'
const MAIN = resolve('dist/cli/main.js')
const LARGE = 20_000
const READ = 64 * 1024

// What is promised: at most so much of the peer's.
const TARGETS = {
  'wall, ours / refgenieserver': 0.2,
  'CPU, ours / refgenieserver': 0.2,
  'disk, ours / refgenieserver': 0.3,
  'wall, ours / tar | pigz': 0.5,
  'size, ours / tar | pigz': 1,
}

/** Runs a command and answers wall and CPU seconds of it and its children. */
function timed(command, args, env = {}) {
  const result = spawnSync('/usr/bin/time', ['-f', 'TIMED %e %U %S', command, ...args], {
    env: { ...process.env, PATH: `${VENV}/bin:${process.env.PATH}`, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${result.stderr}`)
  const [, wall, user, system] = /TIMED (\S+) (\S+) (\S+)/.exec(result.stderr)
  return { wall: Number(wall), cpu: Number(user) + Number(system) }
}

/** Bytes of all files below a folder. */
function bytesBelow(folder, wanted = () => true) {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && wanted(entry.name))
      bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return bytes
}

/** Bytes of all archives, each of which must be there and whole. */
function sizeOfArchives(archives) {
  const digest = /^[0-9a-f]{48}$/
  const [genome] = readdirSync(archives).filter(name => digest.test(name))
  for (const asset of ['fasta', 'bwa_index']) {
    const file = join(archives, genome, `${asset}__default.tgz`)
    if (spawnSync('gzip', ['-t', file]).status !== 0) throw new Error(`${file} is broken`)
  }
  return bytesBelow(archives, name => name.endsWith('.tgz'))
}

function configFor(archives) {
  rmSync(archives, { recursive: true, force: true })
  mkdirSync(archives, { recursive: true })
  const config = `${archives}.yaml`
  const text = readFileSync(join(DIR, 'genomes/genome_config.yaml'), 'utf8')
  writeFileSync(
    config,
    text.replace(/genome_archive_folder: .*/, `genome_archive_folder: ${archives}`),
  )
  return config
}

function ours() {
  const archives = join(DIR, 'ours')
  const took = timed('node', [MAIN, 'archive', 'create', '-c', configFor(archives)])
  return { ...took, disk: bytesBelow(archives), size: sizeOfArchives(archives) }
}

function peer() {
  const archives = join(DIR, 'peer')
  const took = timed('refgenieserver', ['archive', '-c', configFor(archives)])
  return { ...took, disk: bytesBelow(archives), size: sizeOfArchives(archives) }
}

/** What an operator would do by hand: links followed, one archive a tag. */
function pigz() {
  const out = join(DIR, 'pigz')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const data = join(DIR, 'genomes/data')
  const [genome] = readdirSync(data)
  let [wall, cpu] = [0, 0]
  for (const asset of ['fasta', 'bwa_index']) {
    const script = 'tar -h --exclude=_refgenie_build -C "$1" -c default | pigz > "$2"'
    const took = timed('bash', [
      '-c',
      script,
      '-',
      join(data, genome, asset),
      join(out, `${asset}.tgz`),
    ])
    wall += took.wall
    cpu += took.cpu
  }
  return { wall, cpu, size: bytesBelow(out) }
}

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

function rounds() {
  const kept = []
  const samples = { ours: [], refgenieserver: [], pigz: [], load: [] }
  const sides = [
    ['ours', ours],
    ['refgenieserver', peer],
    ['pigz', pigz],
  ]
  for (let i = 0; i < ROUNDS; i += 1) {
    samples.load.push(loadavg()[0])
    const turn = i % sides.length
    for (const [side, run] of [...sides.slice(turn), ...sides.slice(0, turn)])
      samples[side].push(run())
    const [a, b, c] = sides.map(([side]) => samples[side][i])
    kept.push({
      'wall, ours / refgenieserver': a.wall / b.wall,
      'CPU, ours / refgenieserver': a.cpu / b.cpu,
      'disk, ours / refgenieserver': a.disk / b.disk,
      'wall, ours / tar | pigz': a.wall / c.wall,
      'size, ours / tar | pigz': a.size / c.size,
      'seconds, ours': a.wall,
    })
    console.log({ ours: a, refgenieserver: b, pigz: c, ...kept.at(-1) })
  }
  const medians = Object.fromEntries(
    Object.keys(kept[0]).map(key => [key, median(kept.map(row => row[key]))]),
  )
  return { medians, samples }
}

/** Seconds of a re-run with nothing to do. */
function noOperation() {
  const folder = join(DIR, 'many')
  rmSync(folder, { recursive: true, force: true })
  const lines = [
    'config_version: 0.4',
    `genome_folder: ${folder}/genomes`,
    `genome_archive_folder: ${folder}/archives`,
    'genomes:',
  ]
  for (let g = 0; g < 100; g += 1) {
    const digest = g.toString(16).padStart(48, '0')
    lines.push(`  '${digest}':`, '    aliases:', `    - genome${g}`, '    assets:')
    for (let a = 0; a < LARGE / 100; a += 1) {
      const tag = join(folder, 'genomes/data', digest, `asset${a}`, 'default')
      mkdirSync(tag, { recursive: true })
      writeFileSync(join(tag, `${digest}.txt`), `${g} ${a}\n`)
      lines.push(
        `      asset${a}:`,
        '        tags:',
        '          default:',
        `            asset_path: asset${a}`,
        '            seek_keys:',
        '              dir: .',
      )
    }
  }
  const config = join(folder, 'genomes/genome_config.yaml')
  writeFileSync(config, `${lines.join('\n')}\n`)
  const first = timed('node', [MAIN, 'archive', 'create', '-c', config])
  const again = timed('node', [MAIN, 'archive', 'create', '-c', config])
  rmSync(folder, { recursive: true, force: true })
  return {
    'seconds, 20,000 small archives': first.wall,
    'seconds, 20,000 archives, nothing to do': again.wall,
  }
}

/** p50 of reading 64 KiB at random places of the largest file of the archives. */
async function rangeReads() {
  const archives = join(DIR, 'ours')
  const [genome] = readdirSync(archives).filter(name => /^[0-9a-f]{48}$/.test(name))
  const key = `${genome}/bwa_index__default.tgz`
  const index = parseIndex(readFileSync(join(archives, `${key}.index.json`), 'utf8'))
  const file = index.entries
    .filter(entry => entry.type === 'file')
    .toSorted((a, b) => b.size - a.size)[0]
  const object = await new FileStore(archives).open(key)
  const times = []
  for (let i = 0; i < 2000; i += 1) {
    const start = Math.floor(Math.random() * (file.size - READ))
    const began = performance.now()
    await memberBlob({ object, index }, file).bytes({ start, end: start + READ })
    times.push(performance.now() - began)
  }
  await object.close()
  return { 'ms, 64 KiB of a packed file at random, p50': median(times) }
}

spawnSync('bash', ['bench/make-archiver-input.sh', DIR], { stdio: 'inherit' })
const { medians, samples } = rounds()
const section = { ...medians, ...(await rangeReads()), ...noOperation() }
for (const key of Object.keys(section)) section[key] = Math.round(section[key] * 1000) / 1000
console.log(section)
const missed = Object.entries(TARGETS).filter(([key, most]) => !(section[key] <= most))
for (const [key, most] of Object.entries(TARGETS)) {
  const met = section[key] <= most ? 'met   ' : 'MISSED'
  console.log(`${met} ${key.padEnd(28)} ${section[key]} (target ${most})`)
}
const results = JSON.parse(readFileSync('bench/results.json', 'utf8'))
const archiver = { ...section, cores: cpus().length, samples }
writeFileSync('bench/results.json', `${JSON.stringify({ ...results, archiver }, null, 2)}\n`)
process.exitCode = missed.length === 0 ? 0 : 1
