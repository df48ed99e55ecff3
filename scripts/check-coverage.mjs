// The coverage gate. tap's own gate knows one number for the whole project and does not count files that no test loads;
// the design asks for 100 % in the layers that decide what is served, and for floors that only rise in the others.
//
//   tap && node scripts/check-coverage.mjs [project folder]
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const COMPLETE_LAYERS = ['domain', 'config', 'archive', 'genomics']
const METRICS = ['statements', 'branches', 'functions', 'lines']
const HINT_POINTS = 1
const SHOWN_RANGES = 12
const REASON_LETTERS = 8

const project = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
const reportFile = join(project, '.tap/report/coverage-final.json')
const floorsFile = join(project, 'coverage-floors.json')

function readJson(file, whatToDo) {
  if (!existsSync(file)) {
    console.error(`coverage: ${relative(project, file)} is missing: ${whatToDo}`)
    process.exit(1)
  }
  return JSON.parse(readFileSync(file, 'utf8'))
}

function sourceFiles() {
  return readdirSync(join(project, 'src'), { recursive: true })
    .filter(name => /\.[cm]?ts$/.test(name) && !/\.d\.[cm]?ts$/.test(name))
    .map(name => `src/${name.split(sep).join('/')}`)
    .sort()
}

/** `src/http/v3/assets.ts` belongs to `http`; a file directly in src is a layer of its own, so that it needs a floor. */
function layerOf(file) {
  const [, first = '', second] = file.split('/')
  return second === undefined ? 'src' : first
}

/** Types leave no JavaScript behind, so no test can load such a file and nothing in it can be covered. */
function hasOnlyTypes(source) {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      removeComments: true,
    },
  })
  return outputText.replace(/export\s*\{\s*\};?/g, '').trim() === ''
}

function lineCounts(entry) {
  const lines = new Map()
  for (const [id, { start }] of Object.entries(entry.statementMap)) {
    lines.set(start.line, Math.max(lines.get(start.line) ?? 0, entry.s[id]))
  }
  return lines
}

/** What tap's report says of one file, as {metric: {covered, total}} and the lines to look at. */
function measure(entry) {
  const ratio = counts => ({
    covered: counts.filter(count => count > 0).length,
    total: counts.length,
  })
  const lines = lineCounts(entry)
  const missing = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
  for (const [id, counts] of Object.entries(entry.b)) {
    const { loc } = entry.branchMap[id]
    if (counts.includes(0)) missing.push(loc.start.line)
  }
  for (const [id, count] of Object.entries(entry.f)) {
    if (count === 0) missing.push(entry.fnMap[id].loc.start.line)
  }
  return {
    statements: ratio(Object.values(entry.s)),
    branches: ratio(Object.values(entry.b).flat()),
    functions: ratio(Object.values(entry.f)),
    lines: ratio([...lines.values()]),
    missing: [...new Set(missing)].sort((one, other) => one - other),
  }
}

/** A file that no test loaded counts in full, so that deleting its only test cannot raise the percentage. */
function measureUnloaded(source) {
  const total = source.split('\n').filter(line => line.trim() !== '').length
  const nothing = { covered: 0, total }
  return {
    statements: nothing,
    branches: { covered: 0, total: 1 },
    functions: nothing,
    lines: nothing,
    unloaded: true,
  }
}

/** Files that speak to a real component, which `npm test` does not install: file → the test of test:peers that proves it. */
function provenByPeers(floors) {
  const files = floors['proven by test:peers'] ?? {}
  for (const [file, test] of Object.entries(files)) {
    for (const path of [file, test]) {
      if (existsSync(join(project, path))) continue
      console.error(`coverage: ${path} in coverage-floors.json is not there`)
      process.exit(1)
    }
  }
  return files
}

function measureTree(floors) {
  const proven = provenByPeers(floors)
  const report = readJson(reportFile, "run tap with 'coverage-report: json' first")
  const entries = new Map(
    Object.values(report).map(entry => [relative(project, entry.path).split(sep).join('/'), entry]),
  )
  const measured = []
  for (const file of sourceFiles()) {
    if (file in proven) continue
    const entry = entries.get(file)
    const source = readFileSync(join(project, file), 'utf8')
    if (entry === undefined && hasOnlyTypes(source)) continue
    measured.push({
      file,
      layer: layerOf(file),
      ...(entry ? measure(entry) : measureUnloaded(source)),
    })
  }
  return measured
}

function percent(files, metric) {
  const total = files.reduce((sum, file) => sum + file[metric].total, 0)
  const covered = files.reduce((sum, file) => sum + file[metric].covered, 0)
  return total === 0 ? 100 : (100 * covered) / total
}

/** Rounded down: 99.996 must not read, or pass, as 100. */
function shown(value) {
  return (Math.floor(value * 100) / 100).toFixed(2)
}

function ranges(lines) {
  const found = []
  for (const line of lines) {
    const last = found.at(-1)
    if (last && line === last[1] + 1) last[1] = line
    else found.push([line, line])
  }
  const texts = found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  const more = texts.length - SHOWN_RANGES
  return texts.slice(0, SHOWN_RANGES).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function checkLayer(layer, files, floors) {
  const floor = COMPLETE_LAYERS.includes(layer)
    ? Object.fromEntries(METRICS.map(metric => [metric, 100]))
    : floors[layer]
  const values = Object.fromEntries(METRICS.map(metric => [metric, percent(files, metric)]))
  const row = [
    layer,
    ...METRICS.map(metric => `${shown(values[metric])} (${floor?.[metric] ?? '-'})`),
  ]
  if (floor === undefined) {
    const line = JSON.stringify({
      [layer]: Object.fromEntries(METRICS.map(m => [m, Math.floor(values[m])])),
    })
    return {
      row,
      problems: [`layer '${layer}' has no floor in coverage-floors.json; measured: ${line}`],
      hints: [],
    }
  }
  const low = METRICS.filter(metric => values[metric] < (floor[metric] ?? 100))
  const risen = METRICS.filter(metric => values[metric] > floor[metric] + HINT_POINTS)
  return {
    row,
    problems: low.map(
      metric => `${layer}: ${metric} ${shown(values[metric])} % is below ${floor[metric] ?? 100} %`,
    ),
    hints: risen.map(
      metric => `${layer}.${metric}: raise the floor to ${Math.floor(values[metric])}`,
    ),
  }
}

/** An ignored line is a claim that a test is impossible; the claim has to be written beside it. */
function unreasonedIgnores() {
  const found = []
  for (const file of sourceFiles()) {
    const lines = readFileSync(join(project, file), 'utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      const match =
        /\b(?:c8|v8|istanbul|node:coverage)\s+(ignore(?:\s+(?:next|start|stop|if|else|file))?|disable|enable)\b(.*)/.exec(
          line,
        )
      if (!match || /stop$|^enable$/.test(match[1])) continue
      const reason = match[2].replace(/\*\/.*$/, '').replace(/[^\p{L}]/gu, '')
      if (reason.length < REASON_LETTERS)
        found.push(`${file}:${index + 1}: ignored without a reason on its line`)
    }
  }
  return found
}

function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
}

function printFiles(files) {
  for (const { file, missing, unloaded } of files) {
    if (unloaded) console.log(`  ${file}: never loaded by a test`)
    else if (missing.length > 0) console.log(`  ${file}: lines ${ranges(missing)}`)
  }
}

function main() {
  const floors = readJson(floorsFile, 'it holds the floors of the layers that are not at 100 %')
  const measured = measureTree(floors)
  const layers = [...new Set(measured.map(file => file.layer))].sort()
  const rows = [['layer, % (floor)', ...METRICS]]
  const problems = unreasonedIgnores()
  const hints = []
  for (const layer of layers) {
    const files = measured.filter(file => file.layer === layer)
    const checked = checkLayer(layer, files, floors)
    rows.push(checked.row)
    problems.push(...checked.problems)
    hints.push(...checked.hints)
  }
  printTable(rows)
  printFiles(measured)
  for (const hint of hints) console.log(`hint: ${hint} in coverage-floors.json`)
  for (const problem of problems) console.error(`coverage: ${problem}`)
  if (problems.length > 0) process.exitCode = 1
}

main()
