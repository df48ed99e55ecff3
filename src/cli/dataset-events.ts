/** Shows what happens to datasets: a bar on a terminal, lines elsewhere, JSON for programs. */
import { SingleBar } from 'cli-progress'
import type { DatasetDone, DatasetEvent, DatasetSummary } from '../datasets/dataset-run.ts'
import { formatSize } from '../domain/human-size.ts'

/** Takes the events of a run and its end. */
export interface DatasetView {
  onEvent(event: DatasetEvent): void
  end(summary: DatasetSummary, more?: Readonly<Record<string, unknown>>): void
}

// Without a terminal a line every so often tells that a large dataset goes on.
const LINE_MS = 10_000

// What `bytes` of an event are.
const VERBS: Readonly<Record<DatasetDone['action'], string>> = {
  packaged: 'hashed',
  unchanged: 'hashed',
  uploaded: 'sent',
  present: 'sent',
  downloaded: 'fetched',
  current: 'fetched',
}

/** The view that fits. Results go to stdout, progress and failures to stderr. */
export function datasetView(asJson: boolean): DatasetView {
  return asJson ? jsonView() : textView(process.stderr.isTTY ? barProgress() : lineProgress())
}

function jsonView(): DatasetView {
  const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`)
  return {
    onEvent: event => {
      if (event.event !== 'failed') say(event)
      else say({ ...event, error: event.error.message, code: event.error.code })
    },
    end: ({ done, bytes, failures }, more) =>
      say({ event: 'summary', done, bytes, failed: failures.length, ...more }),
  }
}

interface Progress {
  begin(dataset: string, bytes: number): void
  add(bytes: number): void
  end(): void
}

function textView(progress: Progress): DatasetView {
  return {
    onEvent: event => {
      if (event.event === 'begin') progress.begin(event.dataset, event.bytes)
      else if (event.event === 'progress') progress.add(event.bytes)
      else {
        progress.end()
        if (event.event === 'done') process.stdout.write(doneLine(event))
      }
    },
    end: ({ done, failures }, more = {}) => {
      const facts = Object.entries(more).map(([name, value]) => `; ${name} ${value}`)
      process.stdout.write(`${done} done, ${failures.length} failed${facts.join('')}\n`)
      for (const { message } of failures) process.stderr.write(`FAILED ${message}\n`)
    },
  }
}

function doneLine({ action, dataset, bytes }: DatasetDone): string {
  const size = bytes === 0 ? '' : ` (${formatSize(bytes)} ${VERBS[action]})`
  return `${action.padEnd(10)} ${dataset}${size}\n`
}

function lineProgress(): Progress {
  let name = ''
  let total = 0
  let done = 0
  let told = Date.now()
  return {
    begin: (dataset, bytes) => {
      name = dataset
      total = bytes
      done = 0
    },
    add: bytes => {
      done += bytes
      if (Date.now() - told < LINE_MS) return
      told = Date.now()
      process.stderr.write(`${name}: ${Math.floor((done / total) * 100)} %\n`)
    },
    end: () => {},
  }
}

function barProgress(): Progress {
  let bar: SingleBar | undefined
  return {
    begin: (dataset, bytes) => {
      bar = new SingleBar({
        format: `${dataset} |{bar}| {percentage} %, {eta_formatted} left`,
        hideCursor: true,
        clearOnComplete: true,
      })
      bar.start(bytes, 0)
    },
    add: bytes => bar?.increment(bytes),
    end: () => {
      bar?.stop()
      bar = undefined
    },
  }
}
