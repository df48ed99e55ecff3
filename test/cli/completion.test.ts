/** Completion scripts and the manual know every command that the help knows. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { allNodes } from '../../src/cli/command-tree.ts'
import { shortened } from '../../src/cli/completion-words.ts'
import { manualPage } from '../../src/cli/manual-page.ts'
import { commandTree } from '../../src/cli/program.ts'
import { runHere } from '../support/run-here.ts'

t.test('every command and option is in every script and in the manual', async t => {
  const tree = await commandTree('refdepot')
  const nodes = allNodes(tree)
  t.ok(nodes.length > 30, `${nodes.length} commands`)
  const manual = (await readFile('docs/man/refdepot.1', 'utf8')).replaceAll('\\-', '-')
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await runHere(['completion', shell])
    t.equal(code, 0)
    for (const { path, options } of nodes) {
      t.ok(stdout.includes(`'${path}'`) || stdout.includes(`\\'${path}\\'`), `${shell}: ${path}`)
      const long = shell === 'fish' ? 'l ' : '--'
      const missing = options.filter(it => !stdout.includes(it.long.replace('--', long)))
      t.same(missing, [], `${shell}: options of ${path}`)
    }
  }
  for (const { path, commands, options } of nodes) {
    if (commands.length > 0) continue
    t.ok(manual.includes(`.B refdepot ${path}\n`), path)
    const missing = options.filter(it => it.long !== '--help' && !manual.includes(it.long))
    t.same(missing, [], `manual: options of ${path}`)
  }
})

t.test('values: words, files, folders, registry paths', async t => {
  const { stdout } = await runHere(['completion', 'bash'])
  t.match(stdout, "'doctor --as') values='igv jbrowse htslib nextflow refgenie' ;;")
  t.match(stdout, "'archive create --config') values='@file' ;;")
  t.match(stdout, "'archive create --archive-folder') values='@folder' ;;")
  t.match(stdout, "'archive create') values='@registry-path' ;;")
  t.notMatch(stdout, "'doctor --json') values")
})

t.test('another shell is refused; another name of the program is its own', async t => {
  t.match(await runHere(['completion', 'tcsh']), { code: 2, stderr: /bash, zsh, fish/ })
  t.equal((await commandTree('refgenieserver')).name, 'refgenieserver')
})

t.test('the manual escapes what roff would take for its own', t => {
  const node = {
    name: 'x',
    path: '',
    usage: '',
    group: '',
    options: [],
    arguments: [],
    commands: [],
  }
  const page = manualPage({ ...node, description: '.B \\fB "é~`^ -' }, '1.2.3-4')
  t.match(page, 'x \\- \\&.B \\efB "\\[u00E9]\\(ti\\(ga\\(ha \\-\n')
  t.match(page, '.TH X 1 2026-11-21 "x 1.2.3-4"')
  t.end()
})

t.test('descriptions are short', t => {
  t.equal(shortened('a\n b'), 'a b')
  t.equal(shortened('a'.repeat(100)).length, 70)
  t.end()
})

t.test('the help is in groups, each command under one', async t => {
  const { stdout } = await runHere(['--help'])
  const tree = await commandTree('refdepot')
  for (const { name, group } of tree.commands) {
    t.not(group, 'Commands', name)
    const section = stdout.split(/\n\n/).find(text => text.startsWith(`${group}:\n`))
    t.match(section, new RegExp(`^  ${name} `, 'm'), `${name} under ${group}`)
  }
})
