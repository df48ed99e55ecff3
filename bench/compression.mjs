/**
 * Measures ways to compress blocks of 65,280 bytes on the shapes of data that assets have: `node bench/compression.mjs [SHAPE…]`.
 *
 * Needs a build (`npm run build`) and what make-archiver-input.sh and bowtie2 need; shapes are made once, below $BENCH_DIR/shapes, and are the
 * same on every machine. Three tables, on one core, seconds of CPU (other work on the machine disturbs them less than wall time):
 *
 * - each way alone: packed size as part of plain (block headers counted), and MB/s in brackets;
 * - rules that choose a way for each 4 MiB: packed size as part of that of `pigz -6`, and MB/s in brackets (reckoned from the blocks above);
 * - what refdepot does (`compressSegment` of the build): the same, measured.
 *
 * docs/decisions/0004-compression.md says what follows from it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { constants, deflateRawSync } from 'node:zlib'
import { deflate } from 'libdeflate'
import { BLOCK_PLAIN, blockOf, storedBlock } from '../dist/archive/block-gzip.js'
import {
  compressSegment,
  SEGMENT_PACKED,
  SEGMENT_PLAIN,
} from '../dist/archive/content-compression.js'

const DIR = resolve(process.env.BENCH_DIR ?? 'bench/.work/archiver')
const SHAPES = join(DIR, 'shapes')
const MOST = 48 * 1024 * 1024

const DEFLATES = {
  huffman: plain =>
    deflateRawSync(plain, { strategy: constants.Z_HUFFMAN_ONLY, level: 6, memLevel: 9 }),
  zlib6: plain => deflateRawSync(plain, { level: 6 }),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6].map(level => [`ld${level}`, p => deflate(p, level)])),
}

/** Way → maker of a whole block, checksum and all. */
const WAYS = {
  stored: storedBlock,
  ...Object.fromEntries(
    Object.entries(DEFLATES).map(([way, make]) => [way, plain => blockOf(make(plain), plain)]),
  ),
}

/** Random numbers below 1 that are the same on every machine (mulberry32). */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Lines of 60 letters below a name. */
function fasta(name, letters) {
  const lines = [`>${name}`]
  for (let i = 0; i < letters.length; i += 60) lines.push(letters.toString('latin1', i, i + 60))
  return `${lines.join('\n')}\n`
}

/**
 * Sequence as a vertebrate's: 59 % A and T; 45 % in lower case, made of repeats (one family like Alu, 300 bases; fragments of twenty like L1,
 * 6,000 bases; both 8 to 20 % diverged, on both strands; microsatellites); runs of N of 50,000 each 5 million bases.
 */
function softMasked(bases) {
  const random = randomFrom(11)
  const base = () => {
    const r = random()
    return r < 0.295 ? 65 : r < 0.5 ? 67 : r < 0.705 ? 71 : 84
  }
  const complement = { 65: 84, 67: 71, 71: 67, 84: 65 }
  const consensus = length => Buffer.from(Array.from({ length }, base))
  const alu = consensus(300)
  const lines = Array.from({ length: 20 }, () => consensus(6000))
  const out = Buffer.alloc(bases)
  let at = 0
  let nextGap = 0
  const repeat = () => {
    const kind = random()
    if (kind < 0.08) {
      const unit = consensus(1 + Math.floor(random() * 5))
      return Buffer.from(
        Array.from({ length: 20 + Math.floor(random() * 60) }, (_, i) => unit[i % unit.length]),
      )
    }
    const family = kind < 0.4 ? alu : lines[Math.floor(random() * lines.length)]
    const length =
      family === alu ? 300 : Math.min(6000, 100 + Math.floor(-700 * Math.log(1 - random())))
    const divergence = 0.08 + 0.12 * random()
    const copy = Buffer.from(family.subarray(family.length - length)).map(letter =>
      random() < divergence ? base() : letter,
    )
    return random() < 0.5 ? copy : copy.reverse().map(letter => complement[letter])
  }
  while (at < bases) {
    if (at >= nextGap) {
      at += out.fill(78, at, Math.min(bases, at + 50_000)) && 50_000
      nextGap = at + 5_000_000
      continue
    }
    const unique = Math.floor(-650 * Math.log(1 - random()))
    for (let i = 0; i < unique && at < bases; i += 1) out[at++] = base()
    for (const letter of repeat()) if (at < bases) out[at++] = letter | 32
  }
  return out
}

/** Genes, transcripts, exons and coding parts in the columns of Ensembl. */
function gtf(bytes) {
  const random = randomFrom(7)
  const below = n => Math.floor(random() * n)
  const of = words => words[below(words.length)]
  const rows = []
  let size = 0
  let gene = 0
  let transcript = 0
  let exonId = 0
  let place = 10_000
  let chromosome = 1
  const row = (source, feature, start, end, strand, frame, attributes) => {
    const text = `${chromosome}\t${source}\t${feature}\t${start}\t${end}\t.\t${strand}\t${frame}\t${attributes}\n`
    rows.push(text)
    size += text.length
  }
  const id = (kind, number) => `ENS${kind}${String(number).padStart(11, '0')}`
  while (size < bytes) {
    gene += 1 + below(40)
    place += below(60_000)
    if (place > 200_000_000) [place, chromosome] = [10_000, chromosome + 1]
    const strand = of(['+', '-'])
    const source = of(['ensembl', 'havana', 'ensembl_havana', 'havana_tagene'])
    const biotype = of(['protein_coding', 'protein_coding', 'lncRNA', 'processed_pseudogene'])
    const symbol = Array.from({ length: 3 + below(3) }, () =>
      String.fromCharCode(65 + below(26)),
    ).join('')
    const about = `gene_id "${id('G', gene)}"; gene_version "${1 + below(20)}";`
    const named = `gene_name "${symbol}${1 + below(30)}"; gene_source "${source}"; gene_biotype "${biotype}";`
    const exons = Array.from({ length: 1 + below(14) }, () => {
      place += 200 + below(6000)
      const start = place
      place += 60 + below(400)
      return [start, place]
    })
    row(source, 'gene', exons[0][0], place, strand, '.', `${about} ${named}`)
    for (let t = 1 + below(5); t > 0; t -= 1) {
      transcript += 1 + below(9)
      const whole = `${about} transcript_id "${id('T', transcript)}"; transcript_version "${1 + below(9)}";`
      const rest = `${named} transcript_name "${symbol}-20${t}"; transcript_source "${source}"; transcript_biotype "${biotype}"; tag "basic"; transcript_support_level "${1 + below(5)}";`
      row(source, 'transcript', exons[0][0], place, strand, '.', `${whole} ${rest}`)
      const taken = exons.filter(() => random() < 0.8)
      taken.forEach(([start, end], i) => {
        exonId += 1 + below(3)
        row(
          source,
          'exon',
          start,
          end,
          strand,
          '.',
          `${whole} exon_number "${i + 1}"; ${rest} exon_id "${id('E', exonId)}"; exon_version "1";`,
        )
        if (biotype === 'protein_coding') {
          row(
            source,
            'CDS',
            start + below(30),
            end,
            strand,
            below(3),
            `${whole} exon_number "${i + 1}"; ${rest} protein_id "${id('P', transcript)}"; protein_version "1";`,
          )
        }
      })
    }
  }
  return rows.join('')
}

function makeShapes() {
  spawnSync('bash', ['bench/make-archiver-input.sh', DIR], { stdio: 'inherit' })
  if (existsSync(SHAPES)) return
  const making = `${SHAPES}.making`
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making)
  writeFileSync(join(making, 'soft-masked.fa'), fasta('chr1', softMasked(50_000_000)))
  writeFileSync(join(making, 'genes.gtf'), gtf(30_000_000))
  execFileSync('gzip', ['-nk6', join(making, 'genes.gtf')])
  const random = randomFrom(3)
  const letters = Buffer.alloc(20_000_000).map(() => 'ACGT'.charCodeAt(random() * 4))
  writeFileSync(join(making, 'small.fa'), fasta('chr1', letters))
  execFileSync('bash', ['-c', 'bowtie2-build -q small.fa small'], { cwd: making })
  renameSync(making, SHAPES)
}

/** Shape → file. */
function shapes() {
  const data = join(DIR, 'genomes/data')
  const [genome] = readdirSync(data)
  const asset = (name, end) => join(data, genome, name, 'default', `${genome}.fa${end}`)
  return {
    'FASTA, 4 letters': asset('fasta', ''),
    'FASTA, soft-masked': join(SHAPES, 'soft-masked.fa'),
    GTF: join(SHAPES, 'genes.gtf'),
    'GTF, gzipped': join(SHAPES, 'genes.gtf.gz'),
    'bwa .bwt': asset('bwa_index', '.bwt'),
    'bwa .sa': asset('bwa_index', '.sa'),
    'bwa .pac': asset('bwa_index', '.pac'),
    'bowtie2 .1.bt2': join(SHAPES, 'small.1.bt2'),
    'bowtie2 .2.bt2': join(SHAPES, 'small.2.bt2'),
    'bowtie2 .4.bt2': join(SHAPES, 'small.4.bt2'),
  }
}

/** The beginning of a file. */
function beginning(path) {
  const plain = Buffer.alloc(MOST)
  const file = openSync(path, 'r')
  let length = 0
  for (let read = -1; read !== 0 && length < MOST; length += read) {
    read = readSync(file, plain, length, MOST - length, null)
  }
  closeSync(file)
  return plain.subarray(0, length)
}

const seconds = before => {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Sizes and seconds of each block, compressed in one way. */
function blocksOf(plain, compress) {
  for (let i = 0; i < 4; i += 1) compress(plain.subarray(0, BLOCK_PLAIN))
  const sizes = []
  const began = process.cpuUsage()
  for (let start = 0; start < plain.length; start += BLOCK_PLAIN) {
    sizes.push(compress(plain.subarray(start, start + BLOCK_PLAIN)).length)
  }
  return { sizes, perBlock: seconds(began) / sizes.length }
}

function pigz(input) {
  const { stdout, stderr } = spawnSync('/usr/bin/time', ['-f', '%U %S', 'pigz', '-6', '-c'], {
    input,
    maxBuffer: 2 * MOST,
  })
  const [user, system] = stderr.toString().split(' ').map(Number)
  return { size: stdout.length, rate: input.length / 1e6 / (user + system) }
}

const sum = numbers => numbers.reduce((total, number) => total + number, 0)

/**
 * What a rule gives: of `ways`, the fastest whose result is at most `tolerance` times the smallest, or stored when less than 2 % would be saved. It
 * looks at the first `looks` of the 64 blocks of a segment; 64 is what a rule that knew everything would do.
 */
function ruled(blocks, length, { ways, tolerance, looks }) {
  const count = blocks.huffman.sizes.length
  let size = 0
  let time = 0
  for (let first = 0; first < count; first += 64) {
    const last = Math.min(count, first + 64)
    const seen = Math.min(last, first + looks)
    const tried = ways.map(way => ({ way, bytes: sum(blocks[way].sizes.slice(first, seen)) }))
    const smallest = Math.min(...tried.map(({ bytes }) => bytes))
    const plain = Math.min(length, seen * BLOCK_PLAIN) - first * BLOCK_PLAIN
    const way =
      smallest >= plain * 0.98
        ? 'stored'
        : tried.find(({ bytes }) => bytes <= smallest * tolerance).way
    size += sum(blocks[way].sizes.slice(first, last))
    time += sum(ways.map(name => blocks[name].perBlock)) * (seen - first)
    time += blocks[way].perBlock * (last - seen)
  }
  return { size, rate: length / 1e6 / time }
}

/** What refdepot makes of it. */
function refdepot(plain) {
  const into = Buffer.alloc(SEGMENT_PACKED)
  compressSegment(plain.subarray(0, 4 * BLOCK_PLAIN), into)
  let size = 0
  const began = process.cpuUsage()
  for (let start = 0; start < plain.length; start += SEGMENT_PLAIN) {
    for (const length of compressSegment(plain.subarray(start, start + SEGMENT_PLAIN), into))
      size += length
  }
  return { size, rate: plain.length / 1e6 / seconds(began) }
}

const rate = number => number.toFixed(number < 10 ? 1 : 0)

function printTable(title, rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map(row => row[i].length)))
  const line = row => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |\n`
  const rule = line(widths.map(width => '-'.repeat(width)))
  process.stdout.write(`\n${title}\n\n${line(rows[0])}${rule}${rows.slice(1).map(line).join('')}`)
}

makeShapes()
const wanted = Object.entries(shapes()).filter(
  ([name]) => process.argv.length < 3 || process.argv.slice(2).some(word => name.includes(word)),
)
const measured = wanted.map(([name, path]) => {
  const plain = beginning(path)
  const blocks = Object.fromEntries(
    Object.entries(WAYS).map(([way, compress]) => [way, blocksOf(plain, compress)]),
  )
  process.stderr.write(`${name}\n`)
  return {
    name,
    length: plain.length,
    blocks,
    pigz: pigz(plain),
    ours: refdepot(plain),
  }
})

printTable('Each way alone: packed of plain (MB/s)', [
  ['shape', 'MB', 'pigz -6', ...Object.keys(WAYS)],
  ...measured.map(({ name, length, blocks, pigz: peer }) => [
    name,
    (length / 1e6).toFixed(1),
    `${(peer.size / length).toFixed(4)} (${rate(peer.rate)})`,
    ...Object.values(blocks).map(
      ({ sizes, perBlock }) =>
        `${(sum(sizes) / length).toFixed(4)} (${rate(length / 1e6 / perBlock / sizes.length)})`,
    ),
  ]),
])

const rules = {
  'Huffman only': { ways: ['huffman'], tolerance: 1, looks: 1 },
  'ld1 only': { ways: ['ld1'], tolerance: 1, looks: 1 },
  'huffman, ld1; 3 %': { ways: ['huffman', 'ld1'], tolerance: 1.03, looks: 1 },
  ...Object.fromEntries(
    ['ld5', 'ld6'].flatMap(strong =>
      [1, 1.02, 1.03, 1.04, 1.05, 1.1].map(tolerance => [
        `huffman, ld1, ${strong}; ${Math.round(tolerance * 100 - 100)} %`,
        { ways: ['huffman', 'ld1', strong], tolerance, looks: 1 },
      ]),
    ),
  ),
  'huffman, ld1, ld6; 3 %, 4 blocks seen': {
    ways: ['huffman', 'ld1', 'ld6'],
    tolerance: 1.03,
    looks: 4,
  },
  'huffman, ld1, ld6; 3 %, all seen': {
    ways: ['huffman', 'ld1', 'ld6'],
    tolerance: 1.03,
    looks: 64,
  },
}
const results = Object.entries(rules).map(([title, rule]) => [
  title,
  measured.map(({ blocks, length }) => ruled(blocks, length, rule)),
])
results.push(['refdepot, measured', measured.map(({ ours }) => ours)])
const total = sum(measured.map(({ length }) => length))
const totalPigz = sum(measured.map(({ pigz: peer }) => peer.size))
printTable('Rules: packed of `pigz -6` (MB/s)', [
  ['rule', ...measured.map(({ name }) => name), 'worst', 'all'],
  ...results.map(([title, given]) => {
    const ratios = given.map(({ size }, i) => size / measured[i].pigz.size)
    const time = sum(given.map((one, i) => measured[i].length / 1e6 / one.rate))
    return [
      title,
      ...ratios.map((ratio, i) => `${ratio.toFixed(3)} (${rate(given[i].rate)})`),
      Math.max(...ratios).toFixed(3),
      `${(sum(given.map(({ size }) => size)) / totalPigz).toFixed(3)} (${rate(total / 1e6 / time)})`,
    ]
  }),
])
