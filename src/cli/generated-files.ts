/** The files of the repository that are made from the code; a test fails when one of them is stale. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Depot } from '../archive/depot.ts'
import { resolveSettings, SETTINGS } from '../config/settings.ts'
import { buildApp } from '../http/app.ts'
import { STATUS } from '../http/errors.ts'
import { manualPage } from './manual-page.ts'
import { commandTree } from './program.ts'
import { serveAccess } from './serve-access.ts'
import { packageVersion } from './version.ts'

/** Path in the repository → content. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const { open, admin } = await openApiDocuments()
  const text = (document: object) => `${JSON.stringify(document, null, 2)}\n`
  return {
    'openapi/openapi.json': text(open),
    'openapi/openapi-admin.json': text(admin),
    'docs/settings.md': settingsPage(),
    'docs/errors.md': errorsPage(),
    'docs/man/refdepot.1': manualPage(await commandTree('refdepot'), packageVersion()),
  }
}

/** The documents of an app over an empty config: no genome of anybody is in them. */
async function openApiDocuments(): Promise<{ open: object; admin: object }> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-'))
  try {
    const config = join(folder, 'genome_config.yaml')
    await writeFile(config, 'genomes: {}\n')
    const depot = await Depot.open({ config })
    const settings = { version: packageVersion(), basePath: '', trustProxy: [], title: 'refdepot' }
    const logger = pino({ level: 'silent' })
    const defaults = resolveSettings({ flags: {}, environment: {}, file: {} })
    const access = serveAccess(defaults, { home: folder, logger, redirects: undefined })
    const app = await buildApp({ depot, access, logger, settings })
    await app.ready()
    const documents = await app.documents()
    await app.close()
    await access.close()
    await depot.close()
    return documents
  } finally {
    await rm(folder, { recursive: true })
  }
}

function settingsPage(): string {
  const rows = SETTINGS.map(row => {
    const flag =
      'archiver' in row || 'secret' in row
        ? ''
        : 'short' in row
          ? `\`-${row.short}\`, \`--${row.name}\``
          : `\`--${row.name}\``
    const names = row.environment.map(name => `\`${name}\``).join(', ')
    const fallback = row.default === '' ? '' : `\`${row.default}\``
    return `| ${flag} | ${names} | \`${row.name}\` | ${fallback} | ${row.description} |`
  })
  return `# Settings of \`refdepot serve\`

Made from \`src/config/settings.ts\` by \`npm run generate\`; do not edit.

Flags win over environment variables, those over the \`refdepot\` section of the genome config, that over the defaults.
The genome config itself is given by \`-c FILE\` or \`$REFGENIE\`.

| flag | environment | key in the config | default | meaning |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function errorsPage(): string {
  const rows = Object.entries(STATUS).map(([code, status]) => `| \`${code}\` | ${status} |`)
  return `# Errors

Made from \`src/http/errors.ts\` by \`npm run generate\`; do not edit.

Native paths answer problems of RFC 9457 with a stable \`code\`; refgenie paths answer \`{"detail": "text"}\`, and add the
code of \`archive-damaged\`, \`digest-pending\` and \`withdrawn\`. Besides these, \`not-found\` (404), \`method-not-allowed\` (405), \`invalid-request\`
(400) and \`internal\` (500) come from the framework.

| code | status |
| --- | --- |
${rows.join('\n')}
`
}
