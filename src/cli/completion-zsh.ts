/** Completion for zsh 5 and newer. */
import { allNodes, type CommandNode, type OptionNode, type ValueNode } from './command-tree.ts'
import { functionName, quoted, shortened } from './completion-words.ts'

/** The script: `source` it behind `compinit`, or put it as `_refdepot` into a folder of `$fpath`. */
export function zshCompletion(tree: CommandNode): string {
  const name = functionName(tree.name)
  const nodes = allNodes(tree)
  return `#compdef ${tree.name}
# Completion of ${tree.name} for zsh, made by \`${tree.name} completion zsh\`.
_${name}_tables() {
  commands=() options=()
  case "$1" in
${nodes.map(table).join('\n')}
  esac
}

# What stands behind an option: words, @file, @folder, @registry-path, or @other; empty for a switch.
_${name}_value() {
  values=''
  case "$1" in
${nodes.flatMap(({ path, options }) => options.flatMap(option => valueLines(path, option))).join('\n')}
  esac
}

_${name}_operands() {
  values=''
  case "$1" in
${nodes.flatMap(operandLines).join('\n')}
  esac
}

# Registry paths of the genome folder that $REFGENIE names: its alias tree has a folder for each.
_${name}_registry_paths() {
  local top="\${REFGENIE:h}/alias"
  [[ -n $REFGENIE && -d $top ]] || return 1
  local -a found
  found=("$top"/*/*(N/))
  found=("\${(@)found#$top/}")
  compadd -- $found
}

_${name}_offer() {
  case "$values" in
    @file) _files ;;
    @folder) _files -/ ;;
    @registry-path) _${name}_registry_paths ;;
    @other | '') return 1 ;;
    *) compadd -- \${=values} ;;
  esac
}

_${name}() {
  local at_path='' word values
  local -a commands options
  integer at
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    if [[ $word == -* ]]; then
      _${name}_value "$at_path $word"
      if [[ -n $values ]]; then
        at=at+1
        if ((at == CURRENT)); then _${name}_offer; return; fi
      fi
      continue
    fi
    _${name}_tables "$at_path"
    (( \${commands[(I)$word:*]} )) && at_path="\${at_path:+$at_path }$word"
  done
  _${name}_tables "$at_path"
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe option options
  elif ((\${#commands})); then
    _describe command commands
  else
    _${name}_operands "$at_path"
    _${name}_offer
  fi
}

if [[ \${funcstack[1]} == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${tree.name}
fi
`
}

function table({ path, commands, options }: CommandNode): string {
  const names = commands.map(it => described(it.name, it.description))
  const flags = options.flatMap(({ short, long, description }) =>
    [short, long].filter(Boolean).map(flag => described(flag, description)),
  )
  return `    ${quoted(path)}) commands=(${names.join(' ')}) options=(${flags.join(' ')}) ;;`
}

/** For _describe: a colon ends the name. */
function described(name: string, description: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${shortened(description)}`)
}

function valueLines(path: string, { short, long, value }: OptionNode): string[] {
  if (value === undefined) return []
  return [short, long]
    .filter(Boolean)
    .map(flag => `    ${quoted(`${path} ${flag}`)}) values=${quoted(wordsOf(value))} ;;`)
}

function operandLines(node: CommandNode): string[] {
  const last = node.arguments.at(-1)
  return last === undefined ? [] : [`    ${quoted(node.path)}) values=${quoted(wordsOf(last))} ;;`]
}

function wordsOf({ kind, words }: ValueNode): string {
  return kind === 'words' ? words.join(' ') : `@${kind}`
}
