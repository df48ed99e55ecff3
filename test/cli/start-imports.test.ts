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
]

// The primary process of several workers only looks after them: its memory comes on top of theirs.
const NEEDED_BY_PRIMARY = ['close-with-grace', 'commander', 'pino']
const OF_HTTP = ['src/http/access/credential-gate.ts', 'src/http/access/transfer-limits.ts']

/** What is loaded with a module, by itself or by modules of ours. */
interface Loaded {
  readonly packages: Set<string>
  readonly modules: Set<string>
}

function loadedWith(
  files: readonly string[],
  loaded: Loaded = { packages: new Set(), modules: new Set() },
): Loaded {
  for (const file of files) {
    if (loaded.modules.has(file)) continue
    loaded.modules.add(file)
    const text = readFileSync(file, 'utf8')
    const imports = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm)
    for (const [, name = ''] of imports) {
      if (name.startsWith('.')) loadedWith([join(dirname(file), name)], loaded)
      else if (!name.startsWith('node:')) loaded.packages.add(name)
    }
  }
  return loaded
}

const START = ['src/cli/program.ts', 'src/cli/serve.ts']

t.test('a server starts with the packages that serving needs, and no others', t => {
  const { packages } = loadedWith([...START, 'src/cli/serve-alone.ts'])
  t.same([...packages].sort(), NEEDED)
  const worker = loadedWith(['src/cli/worker-main.ts']).packages
  t.same(
    [...worker].sort(),
    NEEDED.filter(name => name !== 'commander'),
  )
  const others = loadedWith(['src/cli/other-commands.ts']).packages
  t.ok(others.has('commander'), 'the look finds something')
  t.end()
})

t.test('the primary process of several workers loads nothing that answers requests', t => {
  const { packages, modules } = loadedWith([...START, 'src/cli/serve-workers.ts'])
  t.same([...packages].sort(), NEEDED_BY_PRIMARY)
  const answering = [...modules].filter(file => /^src\/(?:http|state|genomics)\//.test(file))
  t.same(answering.sort(), OF_HTTP)
  t.end()
})
