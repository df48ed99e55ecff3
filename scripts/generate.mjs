// Writes what is generated from the code: openapi/openapi.json, docs/settings.md, docs/errors.md. Run it after `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { generatedFiles } from '../dist/cli/generated-files.js'

mkdirSync('openapi', { recursive: true })
for (const [path, content] of Object.entries(await generatedFiles())) {
  writeFileSync(path, content)
  process.stdout.write(`wrote ${path}\n`)
}
