// From samples to what was promised: ratios of the runs, their median, best and worst, met or MISSED.

/** The middle of some numbers; between the two middle ones of an even count. */
export const median = numbers => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2
}

/** The number below which 99 % of some numbers are. */
export const p99 = numbers => {
  if (numbers.length === 0) throw new Error('there is no p99 of nothing')
  return numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * 0.99) - 1]
}

/**
 * Judges one comparison of a scenario.
 *
 * @param comparison - `{ label, measure, side = 'ours', over, least, most }`: the value of a run is that of `side`, divided by that of `over` in the same
 * run where there is one. Without `least` and `most` it is shown only; `stretch` is a target that is shown, not demanded.
 * @param samples - measure → side → values of the runs
 */
export function judge(comparison, samples) {
  const { label, measure, side = 'ours', over, least, most, stretch } = comparison
  const mine = samples[measure]?.[side] ?? []
  const theirs = over === undefined ? mine.map(() => 1) : (samples[measure]?.[over] ?? [])
  if (mine.length === 0 || mine.length !== theirs.length)
    throw new Error(`${label}: ${mine.length} samples of ${side}, ${theirs.length} of ${over}`)
  const ratios = mine.map((value, i) => value / theirs[i])
  if (!ratios.every(ratio => Number.isFinite(ratio) && ratio > 0))
    throw new Error(`${label}: ${ratios.join(', ')} are no ratios`)
  const value = median(ratios)
  const sorted = ratios.toSorted((a, b) => a - b)
  if (most === undefined && comparison.smallerIsBetter !== true) sorted.reverse()
  const isDemanded = least !== undefined || most !== undefined
  const met = isDemanded ? value >= (least ?? 0) && value <= (most ?? Infinity) : undefined
  return {
    label,
    measure,
    side,
    ...(over !== undefined && { over }),
    value,
    best: sorted[0],
    worst: sorted.at(-1),
    ...(isDemanded && { target: least === undefined ? { most } : { least }, met }),
    ...(stretch !== undefined && { stretch, stretchMet: value <= stretch }),
  }
}

const figure = value =>
  value >= 1000
    ? Math.round(value).toLocaleString('en').replaceAll(',', ' ')
    : Number(value.toPrecision(3)).toString()

/** One line of the table. */
export function verdictLine(verdict, samples, unit = '') {
  const word = verdict.met === undefined ? 'shown ' : verdict.met ? 'met   ' : 'MISSED'
  const { target, stretch } = verdict
  const sign = target?.least === undefined ? '<=' : '>='
  const aim = [
    ...(target ? [`${sign} ${figure(target.least ?? target.most)}`] : []),
    ...(stretch ? [`stretch ${figure(stretch)} ${verdict.stretchMet ? 'met' : 'missed'}`] : []),
  ].join(', ')
  const sides = [verdict.side, ...(verdict.over === undefined ? [] : [verdict.over])]
  const medians = sides
    .map(side => `${side} ${figure(median(samples[verdict.measure][side]))}`)
    .join(', ')
  const spread = `(${figure(verdict.best)} … ${figure(verdict.worst)})`
  return `${word} ${verdict.label.padEnd(58)} ${figure(verdict.value).padStart(8)} ${spread.padEnd(20)} ${aim.padEnd(22)} ${medians} ${unit}`.trimEnd()
}
