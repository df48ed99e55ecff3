/** Shows a pull: bars on a terminal, a line every few seconds elsewhere, JSON for programs. */
import { MultiBar, type SingleBar } from 'cli-progress'
import type { PullDone, PullEvent, PullSummary } from '../client/pull-events.ts'
import { formatSize } from '../domain/human-size.ts'
import { toStderr, toStdout } from './output-lines.ts'
import { type AssetProgress, formatSeconds, PullProgress } from './pull-progress.ts'

/** Takes the events of a pull and its end. */
export interface PullView {
  readonly onEvent: (event: PullEvent) => void
  end(summary: PullSummary): void
  /** Ends in any case, also after an error. */
  close(): void
}

/** What is wanted of a view. */
export interface PullViewOptions {
  /** Events as JSON on stdout, one a line. */
  readonly json?: boolean
  /** Nothing but failures. */
  readonly quiet?: boolean
}

/** The view that fits. Results go to stdout, progress, notes and failures to stderr. */
export function pullView({ json = false, quiet = false }: PullViewOptions): PullView {
  if (json) return jsonView()
  if (quiet) return quietView()
  return process.stderr.isTTY ? barView() : lineView()
}

const TELL_MS = 5000
const JSON_MS = 1000
const DRAW_MS = 200

function jsonView(): PullView {
  const progress = new PullProgress()
  const tell = (value: object) => toStdout(JSON.stringify(value))
  const timer = setInterval(() => {
    for (const { subject, ...bytes } of progress.open.values()) {
      tell({ event: 'progress', subject, ...bytes })
    }
  }, JSON_MS).unref()
  return {
    onEvent: event => {
      progress.take(event)
      if (event.event === 'failed')
        tell({ ...event, error: event.error.message, code: event.error.code })
      else if (!FREQUENT.includes(event.event)) tell(event)
    },
    end: summary => tell({ event: 'summary', ...countsOf(summary, progress) }),
    close: () => clearInterval(timer),
  }
}

// They come with every piece that arrives: `progress` tells their sums.
const FREQUENT: readonly string[] = ['received', 'verified', 'hashed', 'looked-up']

function quietView(): PullView {
  return {
    onEvent: event => {
      if (event.event === 'failed') toStderr(failedLine(event))
    },
    end: () => {},
    close: () => {},
  }
}

function lineView(): PullView {
  const progress = new PullProgress()
  const lineFor = linesOf()
  let told = Date.now()
  progress.rate()
  const isDue = () => {
    if (Date.now() - told < TELL_MS) return false
    told = Date.now()
    return true
  }
  return {
    onEvent: event => {
      progress.take(event)
      const line = lineFor(event)
      if (event.event === 'done') toStdout(doneLine(event))
      else if (event.event === 'missing') toStdout(line as string)
      else if (line !== undefined) toStderr(line)
      else if (event.event === 'looked-up' && isDue()) toStderr(lookedUpLine(event))
      else if (event.event === 'received' && isDue()) toStderr(totalLine(progress))
      else if (event.event === 'hashed' && isOnlyChecked(progress, event.subject) && isDue()) {
        toStderr(hashedLine(progress, event.subject))
      }
    },
    end: summary => toStderr(summaryLine(summary, progress)),
    close: () => {},
  }
}

function barView(): PullView {
  const progress = new PullProgress()
  const lineFor = linesOf()
  const bars = new MultiBar({
    format: '{name} |{bar}| {text}',
    hideCursor: true,
    clearOnComplete: true,
  })
  const drawn = new Map<string, SingleBar>()
  let all: SingleBar | undefined
  const draw = () => {
    for (const [subject, bar] of drawn) {
      if (progress.open.has(subject)) continue
      bars.remove(bar)
      drawn.delete(subject)
    }
    for (const asset of progress.open.values()) {
      const bar =
        drawn.get(asset.subject) ?? bars.create(asset.total, 0, { name: asset.subject, text: '' })
      drawn.set(asset.subject, bar)
      bar.update(asset.done, { text: barText(asset) })
    }
    if (progress.assets < 2 || progress.total === 0) return
    all ??= bars.create(progress.total, 0, { name: 'all', text: '' })
    all.update(progress.done, { text: totalText(progress) })
  }
  const timer = setInterval(draw, DRAW_MS).unref()
  const log = (line: string) => bars.log(`${line}\n`)
  return {
    onEvent: event => {
      progress.take(event)
      const line = event.event === 'done' ? doneLine(event) : lineFor(event)
      if (line !== undefined) log(line)
      if (event.event === 'done' && process.stdout.isTTY !== true) toStdout(doneLine(event))
    },
    end: summary => log(summaryLine(summary, progress)),
    close: () => {
      clearInterval(timer)
      draw()
      // Lines wait for the next drawing, and stopping draws none: a bar that comes and goes does.
      bars.remove(bars.create(1, 0, { name: '', text: '' }))
      bars.stop()
    },
  }
}

function barText(asset: AssetProgress): string {
  const { done, total, retried, hashed } = asset
  const again = retried === 0 ? '' : `, ${formatSize(retried)} again`
  const checked = hashed === 0 ? '' : `, checked ${percent(hashed, total)}`
  return `${formatSize(done)} of ${formatSize(total)}${checked}${again}`
}

function totalText(progress: PullProgress): string {
  const rate = progress.rate()
  const { ended, assets, done, total } = progress
  const left = formatSeconds(progress.secondsLeft(rate))
  return `${ended} of ${assets}, ${formatSize(done)} of ${formatSize(total)}, ${formatSize(rate)}/s, ${left} left`
}

function totalLine(progress: PullProgress): string {
  const again = progress.retried === 0 ? '' : `, ${formatSize(progress.retried)} fetched again`
  return `${percent(progress.done, progress.total)}: ${totalText(progress)}${again}`
}

/** True while all bytes are there and their digest is still compared. */
function isOnlyChecked({ open }: PullProgress, subject: string): boolean {
  const asset = open.get(subject)
  return asset !== undefined && asset.done === asset.total && asset.hashed < asset.total
}

function hashedLine(progress: PullProgress, subject: string): string {
  const { hashed, total } = progress.open.get(subject) ?? { hashed: 0, total: 1 }
  return `checking ${subject}: ${percent(hashed, total)}`
}

function lookedUpLine({ done, total }: { done: number; total: number }): string {
  return `looked up ${done} of ${total}`
}

function lineOf(event: PullEvent): string | undefined {
  if (event.event === 'note') return event.message
  if (event.event === 'failed') return failedLine(event)
  if (event.event === 'missing') return `missing  ${event.subject}  ${formatSize(event.bytes)}`
  if (event.event === 'resumed')
    return `${event.subject}: ${formatSize(event.bytes)} are there from before`
  if (event.event === 'retried') return retriedLine(event)
  if (event.event !== 'planned' || event.bytes === 0) return undefined
  const there = event.current === 0 ? '' : `, ${event.current} are there`
  return `${event.assets} ${event.assets === 1 ? 'asset' : 'assets'}${there}; ${formatSize(event.bytes)} to fetch`
}

function retriedLine({ subject, bytes, reason }: Extract<PullEvent, { event: 'retried' }>): string {
  return `${subject}: ${bytes === 0 ? 'tried' : formatSize(bytes)} again: ${reason}`
}

/** Lines of events; all connections to a server that fails fail in the same way, and that is told once in a while. */
function linesOf(): typeof lineOf {
  const told = new Map<string, number>()
  return event => {
    const line = lineOf(event)
    if (line === undefined || event.event !== 'retried' || event.bytes > 0) return line
    if (Date.now() - (told.get(line) ?? 0) < TELL_MS) return undefined
    told.set(line, Date.now())
    return line
  }
}

function doneLine({ action, subject, path }: PullDone): string {
  return `${action.padEnd(8)} ${subject}  ${path}`
}

function failedLine({ subject, error }: { subject: string; error: Error }): string {
  return `FAILED   ${subject}: ${error.message}`
}

/** Counts of everything, also of what was fetched of assets that failed. */
function countsOf({ done, failed }: PullSummary, { lost }: PullProgress) {
  const sum = (key: 'received' | 'resumed' | 'retried') =>
    done.reduce((all, one) => all + one[key], lost[key])
  const pulled = done.filter(({ action }) => action === 'pulled').length
  return {
    pulled,
    current: done.length - pulled,
    failed: failed.length,
    received: sum('received'),
    resumed: sum('resumed'),
    retried: sum('retried'),
  }
}

function summaryLine(summary: PullSummary, progress: PullProgress): string {
  const { pulled, current, failed, received, resumed, retried } = countsOf(summary, progress)
  const facts = [
    `${pulled} pulled`,
    `${current} there already`,
    `${failed} failed`,
    `${formatSize(received)} received`,
    ...(resumed > 0 ? [`${formatSize(resumed)} from before`] : []),
    ...(retried > 0 ? [`${formatSize(retried)} of it again`] : []),
  ]
  return facts.join(', ')
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)} %`
}
