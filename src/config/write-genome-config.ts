/** Makes the text of a genome config: what we read back, and what the Python tools read. */
import type { RawConfig } from './genome-config-schema.ts'
import { jsYaml, yamlDocuments } from './yaml-libraries.ts'

/**
 * The YAML of a config: keys sorted, block style, each text on one line, as the Python tools write it but for folded lines.
 *
 * Everything was read as text. Below `genomes` it is text, so what looks like a number or a date gets quotes (a tag `1.10` must not become
 * `1.1` in Python). Elsewhere (`config_version`, the `refdepot` section, keys we do not know) what looks like a number or a
 * word such as `true` was one, and is written plain.
 */
export function formatGenomeConfig(raw: RawConfig): string {
  const { genomes, ...rest } = raw
  const top = Object.keys(raw).sort()
  return top
    .map(key => {
      if (key === 'genomes') return dumped({ genomes: genomes ?? {} }, true)
      return dumped({ [key]: rest[key as keyof typeof rest] }, key.startsWith('genome_'))
    })
    .join('')
}

const OPTIONS = { sortKeys: true, lineWidth: -1, noRefs: true } as const

function dumped(value: object, asText: boolean): string {
  const { dump, FAILSAFE_SCHEMA, nullCoreTag } = jsYaml()
  // Texts only: none of them needs quotes to stay one.
  const schema = FAILSAFE_SCHEMA.withTags(nullCoreTag)
  // Without a schema of its own, the library quotes whatever YAML 1.1 or 1.2 would take for something else than a text.
  return dump(value, asText ? OPTIONS : { ...OPTIONS, schema })
}

/**
 * The text of a config with other values for keys at its top; everything else stays as it is written, comments too. A map is merged
 * into the one that is there.
 */
export function changedTopKeys(
  text: string,
  changes: Readonly<Record<string, string | readonly string[] | Readonly<Record<string, string>>>>,
): string {
  const { isMap, parseDocument } = yamlDocuments()
  const document = parseDocument(text)
  for (const [key, value] of Object.entries(changes)) {
    const isSection = typeof value === 'object' && !Array.isArray(value)
    if (isSection && isMap(document.get(key))) {
      for (const [name, inner] of Object.entries(value)) document.setIn([key, name], inner)
    } else {
      document.set(key, value)
    }
  }
  return document.toString({ lineWidth: 0 })
}
