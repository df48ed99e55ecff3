import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

// What a server needs to answer its first request. Whatever is added here is loaded at each start: say what it costs in docs/performance.md.
const NEEDED = [
  '@fastify/accepts',
  '@fastify/cookie',
  '@fastify/cors',
  '@fastify/formbody',
  '@fastify/proxy-addr',
  'close-with-grace',
  'commander',
  'fastify',
  'ghtml',
  'pino',
  'tar-stream',
]

/** Packages that a module loads when it is loaded, by itself or by modules of ours. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>()
  if (seen.has(file)) return packages
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  const imports = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm)
  for (const [, name = ''] of imports) {
    if (name.startsWith('.')) {
      for (const found of packagesOf(join(dirname(file), name), seen)) packages.add(found)
    } else if (!name.startsWith('node:')) packages.add(name)
  }
  return packages
}

t.test('a server starts with the packages that serving needs, and no others', t => {
  const loaded = new Set([...packagesOf('src/cli/program.ts'), ...packagesOf('src/cli/serve.ts')])
  t.same([...loaded].sort(), NEEDED)
  t.ok(packagesOf('src/cli/other-commands.ts').has('commander'), 'the look finds something')
  t.end()
})
