/** The completion scripts in the real shells, and the manual page in the real readers. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../support/peers/run.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const MAIN = join(process.cwd(), 'dist/cli/main.js')

// What is typed, and what must be offered; `not` must be missing.
const CASES: readonly { line: string; offered: readonly string[]; not?: readonly string[] }[] = [
  { line: 'refdepot do', offered: ['doctor'], not: ['archive'] },
  { line: 'refdepot archive cr', offered: ['create'], not: ['doctor'] },
  { line: 'refdepot doctor --as ', offered: ['igv', 'htslib', 'refgenie'], not: ['--json'] },
  { line: 'refdepot doctor --as=h', offered: [] },
  { line: 'refdepot doctor --js', offered: ['--json'], not: ['--origin'] },
  { line: 'refdepot archive list --js', offered: ['--json'] },
  { line: 'refdepot completion ', offered: ['bash', 'zsh', 'fish'] },
  {
    line: 'refdepot archive create t7',
    offered: ['t7/fasta', 't7/bwa_index'],
    not: ['lambda/fasta'],
  },
  { line: 'refdepot archive create -c x la', offered: ['lambda/fasta'], not: ['t7/fasta'] },
  { line: 'refdepot archive create --config ge', offered: ['genome_config.yaml'] },
]

/** A folder with a genome config, an alias tree and the script of a shell; the shells run there. */
async function place(t: Test, shell: string) {
  const folder = folderRemovedLast(t, { 'genome_config.yaml': '' })
  for (const path of ['t7/fasta', 't7/bwa_index', 'lambda/fasta']) {
    await mkdir(join(folder, 'alias', path), { recursive: true })
  }
  const made = await run(process.execPath, [MAIN, 'completion', shell])
  t.equal(made.code, 0, made.stderr)
  const script = join(folder, `completion.${shell}`)
  await writeFile(script, made.stdout)
  const env = { ...process.env, REFGENIE: join(folder, 'genome_config.yaml'), TERM: 'dumb' }
  return { script, cwd: folder, env }
}

function compare(t: Test, complete: (line: string) => Promise<string[]>) {
  return CASES.reduce(async (before, { line, offered, not = [] }) => {
    await before
    const found = await complete(line)
    for (const word of offered) t.ok(found.includes(word), `${line}: ${word} in ${found.join(' ')}`)
    for (const word of not) t.notOk(found.includes(word), `${line}: no ${word}`)
  }, Promise.resolve())
}

const BASH = `
source "$1"; words=($2); [[ $2 == *' ' ]] && words+=('')
COMP_WORDS=("\${words[@]}"); COMP_CWORD=$((\${#words[@]} - 1)); COMP_LINE=$2; COMP_POINT=\${#2}
# What readline would call.
handler=$(complete -p refdepot); handler=\${handler#*-F }; "\${handler%% *}"
printf '%s\\n' "\${COMPREPLY[@]}"`

t.test('bash', async t => {
  const { script, cwd, env } = await place(t, 'bash')
  await compare(t, async line => {
    const { stdout, stderr } = await run('bash', ['-c', BASH, '-', script, line], { cwd, env })
    t.equal(stderr.replace(/.*compopt.*\n/g, ''), '')
    return stdout.split('\n').filter(Boolean)
  })
})

t.test('fish', async t => {
  const { script, cwd, env } = await place(t, 'fish')
  await compare(t, async line => {
    const args = ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script, line]
    const { stdout, stderr } = await run('fish', args, { cwd, env })
    t.equal(stderr, '')
    return stdout.split('\n').map(row => row.split('\t')[0] ?? '')
  })
})

// An interactive zsh in a terminal of its own, which echoes what is typed, so the marks are typed in two pieces; compadd tells what it was given instead of showing a menu.
const ZSH = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; cd \${(q)PWD}; autoload -Uz compinit; compinit -u -D; source \${(q)1}"
zpty -w z 'compadd() { local -a own; (( $@[(I)-[DAO]*] )) || { builtin compadd -O own "$@"; for it in $own; print -r -- "<$it>" }; builtin compadd "$@" }'
zpty -w z 'ask() { zle complete-word; print -r -- "<en""d>"; zle kill-buffer }; zle -N ask; bindkey "^I" ask; print -r -- "<ready"">"'
local line
while zpty -r z line; do [[ $line == *'<ready>'* ]] && break; done
zpty -n -w z "$2"$'\\t'
while zpty -r z line; do [[ $line == *'<end>'* ]] && break; print -r -- "$line"; done
zpty -d z`

t.test('zsh', async t => {
  const { script, cwd, env } = await place(t, 'zsh')
  await compare(t, async line => {
    const { stdout } = await run('zsh', ['-f', '-c', ZSH, '-', script, line], { cwd, env })
    return [...stdout.matchAll(/<([^<>\r\n]+)>/g)].map(match => match[1] ?? '')
  })
})

t.test('the manual page is clean roff, and reads well', async t => {
  const page = 'docs/man/refdepot.1'
  const lint = await run('mandoc', ['-T', 'lint', '-W', 'warning', page])
  t.same(lint, { code: 0, stdout: '', stderr: '' })
  const env = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' }
  const read = await run('man', ['--warnings', '-l', page], { env })
  t.equal(read.code, 0)
  t.equal(read.stderr, '')
  for (const text of ['refdepot doctor', '--token-file <FILE>', 'EXIT STATUS', 'REFDEPOT_TOKEN']) {
    t.ok(read.stdout.includes(text), text)
  }
})
