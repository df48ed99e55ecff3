/**
 * Reads YAML fast, and finds lines only when something is wrong.
 *
 * Every scalar stays text: the Python tools force map keys to text anyway, and a tag `1.10`, a default tag `7` or a size
 * must not become a number on the way (the peer answers 500 or loses a digit then). Only an empty value or `null` is null.
 * `js-yaml` reads 20,000 archives in 0.3 s where `yaml` needs 5 s (docs/decisions/0002); `yaml` knows lines.
 */
import type { YAMLException } from 'js-yaml'
import { ConfigInvalid } from './config-error.ts'
import { readPlainYaml } from './read-plain-yaml.ts'
import { jsYaml, yamlDocuments } from './yaml-libraries.ts'

/**
 * The value of a YAML document; null when it is empty.
 *
 * @throws ConfigInvalid naming file and line when the text is no YAML or a key occurs twice
 */
export function readYaml(text: string, file: string): unknown {
  if (/^\s*$/.test(text)) return null
  const plain = readPlainYaml(text)
  if (plain !== undefined) return plain
  const { FAILSAFE_SCHEMA, load, mergeTag, nullCoreTag } = jsYaml()
  try {
    return load(text, { schema: FAILSAFE_SCHEMA.withTags(nullCoreTag, mergeTag) })
  } catch (error) {
    // Syntax errors know their line; "more than one document" does not.
    const { mark, reason } = error as YAMLException
    const line = mark === undefined ? {} : { line: mark.line + 1 }
    throw new ConfigInvalid([{ file, ...line, message: `is not YAML: ${reason}` }])
  }
}

/** Finds the 1-based line of a key in a YAML text; the text is parsed anew, so ask only to report an error. */
export function lineFinder(text: string): (path: readonly string[]) => number | undefined {
  const { isNode, LineCounter, parseDocument } = yamlDocuments()
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: false,
  })
  return path => {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const node = document.getIn(path.slice(0, depth), true)
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
    }
    return undefined
  }
}
