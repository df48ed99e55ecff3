/** Shapes of data that reference assets have, made the same on every machine. */

/** Pseudo-random numbers below a bound, the same for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A FASTA of random bases, 60 a line. */
export function plainFasta(bases: number, seed = 1, name = 'chr1'): Buffer {
  const next = randomNumbers(seed)
  const lines = [`>${name}`]
  for (let left = bases; left > 0; left -= 60) {
    lines.push(Array.from({ length: Math.min(60, left) }, () => 'ACGT'[next(4)]).join(''))
  }
  return Buffer.from(`${lines.join('\n')}\n`)
}

/** A FASTA with lower-case repeats that occur again and again. */
export function softMaskedFasta(bases: number, seed = 2): Buffer {
  const next = randomNumbers(seed)
  const draw = (letters: string, length: number) =>
    Array.from({ length }, () => letters[next(letters.length)]).join('')
  const repeats = Array.from({ length: 8 }, () => draw('acgt', 300))
  let text = ''
  while (text.length < bases) text += draw('ACGT', 200 + next(600)) + repeats[next(8)]
  return Buffer.from(`>chr1\n${text.slice(0, bases).replace(/.{60}/g, '$&\n')}\n`)
}

/** Lines like those of an annotation. */
export function annotation(lines: number, seed = 3): Buffer {
  const next = randomNumbers(seed)
  const rows = Array.from({ length: lines }, (_, i) => {
    const start = i * 100 + next(90)
    return `chr${1 + next(22)}\tHAVANA\texon\t${start}\t${start + next(900)}\t.\t+\t.\tgene_id "ENSG${next(99999)}";`
  })
  return Buffer.from(`${rows.join('\n')}\n`)
}

/** Bytes without any pattern. */
export function noise(length: number, seed = 4): Buffer {
  const next = randomNumbers(seed)
  return Buffer.from(Uint8Array.from({ length }, () => next(256)))
}
