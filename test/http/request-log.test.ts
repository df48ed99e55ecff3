/** The log of one request is made with its first line, and is then the child that the framework asked for. */
import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { RequestLog, tellsRequests } from '../../src/http/request-log.ts'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** A logger with the lines that it has written. */
function told(level: string) {
  const lines: Record<string, unknown>[] = []
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  let children = 0
  const logger = pino({ level, base: null, onChild: () => (children += 1) }, to)
  return { logger, lines, children: () => children }
}

t.test('each line says of which request it is; one child is enough', async t => {
  const { logger, lines, children } = told('trace')
  const log = new RequestLog(logger, { request: 7 })
  t.equal(log.level, 'trace')
  log.silent()
  t.equal(children(), 0, 'nothing was said')
  for (const level of LEVELS) log[level]({ at: level }, 'a line')
  t.equal(children(), 1)
  t.match(
    lines,
    LEVELS.map(at => ({ at, request: 7, msg: 'a line' })),
  )
  log.child({ part: 1 }).info('deeper')
  t.match(lines.at(-1), { request: 7, part: 1, msg: 'deeper' })
})

t.test('a quiet logger gets no line of a request', async t => {
  const { logger, lines } = told('warn')
  new RequestLog(logger, { request: 1 }).info('a line')
  t.same(lines, [])
  for (const level of ['trace', 'debug', 'info']) t.ok(tellsRequests(told(level).logger), level)
  for (const level of ['warn', 'error', 'silent']) t.notOk(tellsRequests(told(level).logger), level)
})
