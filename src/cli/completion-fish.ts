/** Completion for fish 3 and newer. */
import { allNodes, type CommandNode, type OptionNode, type ValueNode } from './command-tree.ts'
import { functionName, shortened } from './completion-words.ts'

/** The script: `source` it, or put it as `refdepot.fish` into `~/.config/fish/completions`. */
export function fishCompletion(tree: CommandNode): string {
  const name = functionName(tree.name)
  const nodes = allNodes(tree)
  const taking = nodes.flatMap(({ options }) =>
    options.filter(({ value }) => value).flatMap(({ short, long }) => [short, long]),
  )
  return `# Completion of ${tree.name} for fish, made by \`${tree.name} completion fish\`.
# The command that is being written, as its names from the top; options and their values are left out.
function __${name}_path
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word ${[...new Set(taking)].filter(Boolean).join(' ')}; and set skip 1
        else if contains -- (string join ' ' $path $word) ${nodes
          .filter(({ path }) => path !== '')
          .map(({ path }) => fishQuoted(path))
          .join(' ')}
            set path $path $word
        end
    end
    string join ' ' $path
end

function __${name}_at
    test (__${name}_path | string collect -a) = "$argv[1]"
end

# Registry paths of the genome folder that $REFGENIE names: its alias tree has a folder for each.
function __${name}_registry_paths
    test -n "$REFGENIE"; or return
    set -l top (string replace -r '/[^/]*$' '' -- $REFGENIE)/alias
    for asset in $top/*/*/
        string replace -- "$top/" '' (string trim -r -c / -- $asset)
    end
end

complete -c ${tree.name} -f
${nodes.flatMap(node => linesOf(tree.name, `__${name}`, node)).join('\n')}
`
}

function linesOf(program: string, prefix: string, node: CommandNode): string[] {
  const start = `complete -c ${program} -n ${fishQuoted(`${prefix}_at ${fishQuoted(node.path)}`)}`
  const last = node.arguments.at(-1)
  return [
    ...node.commands.map(
      ({ name, description }) => `${start} -a ${name} -d ${fishQuoted(shortened(description))}`,
    ),
    ...node.options.map(option => `${start} ${optionText(prefix, option)}`),
    ...(last === undefined || node.commands.length > 0
      ? []
      : [`${start} ${offered(prefix, last)}`].filter(line => line !== `${start} `)),
  ]
}

function optionText(prefix: string, { short, long, description, value }: OptionNode): string {
  const names = [short && `-s ${short.slice(1)}`, long && `-l ${long.slice(2)}`]
  // `-x`: nothing but what is offered; files only where they are meant.
  const exclusive = value?.kind === 'file' ? '-r' : '-x'
  const takes = value === undefined ? [] : [exclusive, offered(prefix, value)]
  return [...names, ...takes, `-d ${fishQuoted(shortened(description))}`].filter(Boolean).join(' ')
}

function offered(prefix: string, { kind, words }: ValueNode): string {
  if (kind === 'words') return `-a ${fishQuoted(words.join(' '))}`
  if (kind === 'file') return '-F'
  if (kind === 'folder') return "-a '(__fish_complete_directories)'"
  return kind === 'registry-path' ? `-a '(${prefix}_registry_paths)'` : ''
}

/** fish knows two escapes in single quotes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
