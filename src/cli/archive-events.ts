/** Shows what the archiver does: bars on a terminal, lines elsewhere, JSON for programs. */
import { MultiBar, type SingleBar } from 'cli-progress'
import type { ArchiveEvent, CreateSummary } from '../archive/archive-events.ts'
import { formatSize } from '../domain/human-size.ts'

/** Takes the events of a run and its end. */
export interface EventView {
  onEvent(event: ArchiveEvent): void
  end(summary: CreateSummary): void
}

/** The view that fits: JSON when asked for, bars on a terminal, else lines. Everything but JSON goes to stderr. */
export function eventView(asJson: boolean): EventView {
  if (asJson) return jsonView()
  return process.stderr.isTTY ? barView() : lineView()
}

function jsonView(): EventView {
  const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`)
  return {
    onEvent: event => {
      if (event.event === 'failed') say({ ...event, error: event.error.message })
      else say(event)
    },
    end: summary => say({ event: 'summary', ...summary }),
  }
}

// Without a terminal a line every so often tells that a large asset goes on.
const LINE_MS = 10_000

function lineView(): EventView {
  const open = new Map<string, { done: number; readonly total: number }>()
  let told = Date.now()
  const say = (line: string) => process.stderr.write(`${line}\n`)
  return {
    onEvent: event => {
      if (event.event === 'begin') {
        open.set(event.archive, { done: 0, total: event.bytes })
        say(`packing ${event.archive} (${formatSize(event.bytes)})`)
      } else if (event.event === 'progress') {
        const found = open.get(event.archive)
        if (found === undefined) return
        found.done += event.bytes
        if (Date.now() - told < LINE_MS) return
        told = Date.now()
        say(`packing ${event.archive}: ${Math.floor((found.done / found.total) * 100)} %`)
      } else {
        if (event.event === 'archived' || event.event === 'failed') open.delete(event.archive)
        const line = lineOf(event)
        if (line !== undefined) say(line)
      }
    },
    end: summary => say(summaryLine(summary)),
  }
}

function barView(): EventView {
  const bars = new MultiBar({
    format: '{archive} |{bar}| {percentage} % {rate}/s, {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: true,
  })
  const open = new Map<string, { bar: SingleBar; began: number; done: number }>()
  const close = (archive: string) => {
    const found = open.get(archive)
    if (found !== undefined) bars.remove(found.bar)
    open.delete(archive)
  }
  return {
    onEvent: event => {
      if (event.event === 'begin') {
        const bar = bars.create(event.bytes, 0, { archive: event.archive, rate: '' })
        open.set(event.archive, { bar, began: Date.now(), done: 0 })
      } else if (event.event === 'progress') {
        const found = open.get(event.archive)
        if (found === undefined) return
        found.done += event.bytes
        const seconds = Math.max(1, Date.now() - found.began) / 1000
        found.bar.update(found.done, { rate: formatSize(found.done / seconds) })
      } else {
        const line = lineOf(event)
        if (line !== undefined) bars.log(`${line}\n`)
        if (event.event !== 'planned' && event.event !== 'warning') close(event.archive)
      }
    },
    end: summary => {
      // Lines wait for the next drawing, and stopping draws none: a bar that comes and goes does.
      bars.remove(bars.create(1, 0))
      bars.stop()
      process.stderr.write(`${summaryLine(summary)}\n`)
    },
  }
}

function lineOf(event: ArchiveEvent): string | undefined {
  if (event.event === 'archived') {
    const share = event.bytes === 0 ? 100 : Math.round((event.packed / event.bytes) * 100)
    return `archived ${event.archive}: ${formatSize(event.packed)}, ${share} % of ${formatSize(event.bytes)}`
  }
  if (event.event === 'views') return `completed the views of ${event.archive}: ${event.reason}`
  if (event.event === 'warning') return `warning: ${event.archive}: ${event.message}`
  if (event.event === 'failed') return `FAILED ${event.archive}: ${event.error.message}`
  return undefined
}

function summaryLine({
  archived,
  views,
  skipped,
  failed,
  plainBytes,
  packedBytes,
}: CreateSummary): string {
  const sizes =
    archived === 0
      ? ''
      : `; ${formatSize(plainBytes)} in ${formatSize(packedBytes)}, ${formatSize(Math.max(0, plainBytes - packedBytes))} saved`
  const more = views === 0 ? '' : `, ${views} completed`
  return `${archived} archived${more}, ${skipped} up to date, ${failed} failed${sizes}`
}
