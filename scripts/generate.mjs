// Writes what is generated from the code: openapi/openapi.json, docs/settings.md, docs/errors.md, docs/man/refdepot.1. Run it after `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { generatedFiles } from '../dist/cli/generated-files.js'

for (const folder of ['openapi', 'docs/man']) mkdirSync(folder, { recursive: true })
for (const [path, content] of Object.entries(await generatedFiles())) {
  writeFileSync(path, content)
  process.stdout.write(`wrote ${path}\n`)
}
