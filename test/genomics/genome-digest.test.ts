import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { GenomeDigest } from '../../src/genomics/genome-digest.ts'
import { randomNumbers } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { propertySeed } from '../support/property-seed.ts'

function digestOf(text: Buffer | string, piece = Number.POSITIVE_INFINITY): string {
  const bytes = Buffer.from(text)
  const digest = new GenomeDigest()
  for (let at = 0; at < bytes.length; at += piece) digest.write(bytes.subarray(at, at + piece))
  return digest.end()
}

/** The rule written down plainly, line by line, as refgenconf has it. */
function plainly(text: string): string {
  const hash = (it: string) => createHash('sha512').update(it).digest('hex').slice(0, 48)
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  if (lines.at(-1) === '') lines.pop()
  const records: [string, string][] = []
  let [name, sequence, begun] = ['', '', false]
  for (const line of lines) {
    if (!line.startsWith('>')) {
      begun = true
      sequence += line
      continue
    }
    if (begun) records.push([name, sequence])
    name = line.replaceAll('>', '')
    sequence = ''
  }
  records.push([name, sequence])
  return hash(records.map(([n, s]) => hash(`${n}>${[...s].length}>${hash(s)}`)).join(','))
}

t.test('digests that refgenie has computed', async t => {
  const t7 = gunzipSync(await readFile('scripts/peers/t7.fa.gz'))
  t.equal(digestOf(t7), T7)
  t.equal(digestOf(t7, 7), T7)
  const known: [string, string][] = [
    [
      '>chr1 first\nACGTN\nacgt\n\n>chr2\nGGGG\n',
      '18553e6c7c2383ab1be15bf5f03a9096bb66adb7029f90e7',
    ],
    [
      '>chr1 first\r\nACGTN\r\nacgt\r\n\r\n>chr2\r\nGGGG\r\n',
      '18553e6c7c2383ab1be15bf5f03a9096bb66adb7029f90e7',
    ],
    ['', 'aa245369e6ef8bfd06782d7d880f876bd06f0657dc5d72ed'],
    ['>a\nACGT\n>b\n>c\nAC', '498740cf75b55081912c146e74e4467ea2506d4dea98fe52'],
    ['>a\n>b\nACGT\n>c x>y\n\nAC GT\n\tA\n', '6790f6920c8fc99d60e27a7eb71cbe5a4de1b1f79e96b8cb'],
  ]
  for (const [text, digest] of known) t.equal(digestOf(text), digest, JSON.stringify(text))
})

t.test('any text in any pieces', async t => {
  const letters = ['>', '\n', '\r', '\r\n', 'A', 'c', ' ', 'ü', 'x>y', '\n>']
  const below = randomNumbers(propertySeed(t))
  for (let i = 0; i < 2000; i += 1) {
    const text = Array.from({ length: below(30) }, () => letters[below(letters.length)]).join('')
    const piece = 1 + below(5)
    if (digestOf(text, piece) !== plainly(text)) t.fail(JSON.stringify({ text, piece }))
  }
})
