/**
 * Reads the YAML that the Python tools write, and nothing else.
 *
 * Large configs must not cost seconds and hundreds of megabytes at start (docs/decisions/0002). This reader knows block maps, lists of
 * scalars, plain and simply quoted scalars, folded plain scalars, `[]` and `{}`. At anything else it gives up, and the library
 * reads the whole text; a test compares both on thousands of configs. Scalars stay text, as in `read-yaml.ts`.
 */

/** A line of the text: blanks before it, and where its content lies. */
interface Line {
  readonly indent: number
  readonly start: number
  readonly end: number
}

/** Thrown inside this file when the text is more than this reader knows. */
class TooRich extends Error {}

const KEY = /^(?:([A-Za-z0-9_][A-Za-z0-9_.+-]*)|'([^'"\\]*)'|"([^'"\\]*)"):(?: +(\S.*))?$/
// Beginnings that mean something else than a plain scalar; `-` and `:` are harmless before a non-blank, but rare.
const SPECIAL = /^[-?:,[\]{}#&*!|>'"%@`]/
const NULLS = new Set(['~', 'null', 'Null', 'NULL'])

/** The value of the text; undefined when it holds anything this reader does not know. */
export function readPlainYaml(text: string): unknown {
  // Tabs, carriage returns, exotic blanks and markers of documents are for the library.
  if (/[\t\r\u0085\u00a0\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)/m.test(text)) return undefined
  try {
    return new PlainReader(text).document()
  } catch (error) {
    if (error instanceof TooRich) return undefined
    throw error
  }
}

class PlainReader {
  readonly #text: string
  #next = 0
  #line: Line | undefined

  constructor(text: string) {
    this.#text = text
    this.#advance()
  }

  document(): unknown {
    const map = this.#map(0)
    if (this.#line !== undefined) throw new TooRich()
    return map
  }

  #map(indent: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    for (let line = this.#line; line?.indent === indent; line = this.#line) {
      const match = KEY.exec(this.#content(line))
      if (match === null) break
      const [, plain, single, double, rest] = match
      const key = plain ?? single ?? (double as string)
      // The library refuses a key that occurs twice, with its line; `__proto__` would be no key here.
      if (Object.hasOwn(map, key) || key === '__proto__') throw new TooRich()
      this.#advance()
      map[key] = rest === undefined ? this.#nested(indent) : this.#scalar(rest, indent)
    }
    return map
  }

  /** What stands below a key without a value: a deeper map, a list on the same or a deeper level, or nothing. */
  #nested(indent: number): unknown {
    const line = this.#line
    if (line === undefined || line.indent < indent) return null
    if (this.#isItem(line)) return this.#list(line.indent)
    return line.indent > indent ? this.#filled(this.#map(line.indent)) : null
  }

  #list(indent: number): string[] {
    const items: string[] = []
    for (let line = this.#line; line?.indent === indent && this.#isItem(line); line = this.#line) {
      const content = this.#content(line).slice(2).trimStart()
      this.#advance()
      const value = this.#scalar(content, indent)
      if (typeof value !== 'string' || KEY.test(content)) throw new TooRich()
      items.push(value)
    }
    return items
  }

  /** A scalar that begins on a line; deeper lines after it go on with it. */
  #scalar(begin: string, indent: number): unknown {
    const quoted = /^'([^']*)'$|^"([^"\\]*)"$/.exec(begin)
    if (quoted !== null) return this.#unfolded(quoted[1] ?? quoted[2], indent)
    if (begin === '[]') return this.#unfolded([], indent)
    if (begin === '{}') return this.#unfolded({}, indent)
    let value = this.#plain(begin)
    for (let line = this.#line; line !== undefined && line.indent > indent; line = this.#line) {
      value += ` ${this.#plain(this.#content(line))}`
      this.#advance()
    }
    return NULLS.has(value) ? null : value
  }

  /** A value that cannot go on in the next line. */
  #unfolded<T>(value: T, indent: number): T {
    if (this.#line !== undefined && this.#line.indent > indent) throw new TooRich()
    return value
  }

  /** A map that was announced by its depth must have come. */
  #filled(map: Record<string, unknown>): Record<string, unknown> {
    if (Object.keys(map).length === 0) throw new TooRich()
    return map
  }

  #plain(content: string): string {
    if (SPECIAL.test(content) || /: | #|:$/.test(content)) throw new TooRich()
    return content
  }

  #isItem(line: Line): boolean {
    return this.#text.startsWith('- ', line.start) && line.end - line.start > 2
  }

  #content(line: Line): string {
    return this.#text.slice(line.start, line.end)
  }

  /** Moves to the next line; an empty one is for the library, since it means a line end inside a folded scalar. */
  #advance(): void {
    const text = this.#text
    if (this.#next >= text.length) {
      this.#line = undefined
      return
    }
    const newline = text.indexOf('\n', this.#next)
    const begin = this.#next
    let end = newline === -1 ? text.length : newline
    this.#next = end + 1
    let start = begin
    while (start < end && text[start] === ' ') start += 1
    if (start === end) throw new TooRich()
    while (text[end - 1] === ' ') end -= 1
    this.#line = { indent: start - begin, start, end }
  }
}
