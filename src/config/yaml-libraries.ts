/**
 * The two libraries for YAML, loaded when they are needed.
 *
 * What the Python tools write is read without them (`read-plain-yaml.ts`), and a server should not load 80 files for nothing. Callers
 * do not wait, so it is `require`.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** `js-yaml`: fast, reads and writes values. */
export function jsYaml(): typeof import('js-yaml') {
  return require('js-yaml')
}

/** `yaml`: slow, knows lines and comments. */
export function yamlDocuments(): typeof import('yaml') {
  return require('yaml')
}
