/** Completion for bash 4 and newer. */
import { allNodes, type CommandNode, type ValueNode } from './command-tree.ts'
import { functionName, quoted } from './completion-words.ts'

/** The script that `source` or the folder of bash-completion takes. */
export function bashCompletion(tree: CommandNode): string {
  const name = functionName(tree.name)
  const nodes = allNodes(tree)
  const tables = nodes.map(
    ({ path, commands, options }) =>
      `    ${quoted(path)}) commands=${quoted(commands.map(it => it.name).join(' '))} options=${quoted(
        options.flatMap(it => [it.short, it.long].filter(Boolean)).join(' '),
      )} ;;`,
  )
  const values = nodes.flatMap(({ path, options }) =>
    options.flatMap(({ short, long, value }) =>
      value === undefined
        ? []
        : [short, long]
            .filter(Boolean)
            .map(flag => `    ${quoted(`${path} ${flag}`)}) values=${quoted(wordsOf(value))} ;;`),
    ),
  )
  const operands = nodes
    .filter(node => node.arguments.length > 0)
    .map(node => `    ${quoted(node.path)}) values=${quoted(wordsOf(node.arguments.at(-1)))} ;;`)
  return `# Completion of ${tree.name} for bash, made by \`${tree.name} completion bash\`.
_${name}_tables() {
  commands='' options=''
  case "$1" in
${tables.join('\n')}
  esac
}

# What stands behind an option: words, @file, @folder, @registry-path, or @other; empty for a switch.
_${name}_value() {
  values=''
  case "$1" in
${values.join('\n')}
  esac
}

_${name}_operands() {
  values=''
  case "$1" in
${operands.join('\n')}
  esac
}

# Registry paths of the genome folder that $REFGENIE names: its alias tree has a folder for each.
_${name}_registry_paths() {
  local top=\${REFGENIE%/*}/alias asset
  [ -n "$REFGENIE" ] && [ -d "$top" ] || return 0
  for asset in "$top"/*/*/; do
    [ -d "$asset" ] || continue
    asset=\${asset#"$top"/}
    printf '%s\\n' "\${asset%/}"
  done
}

_${name}_offer() {
  local current=$1
  case "$values" in
    @file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    @folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    @registry-path) mapfile -t COMPREPLY < <(compgen -W "$(_${name}_registry_paths)" -- "$current") ;;
    @other | '') ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
  esac
}

_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' word commands options values at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $word == -* ]]; then
      _${name}_value "$path $word"
      if [[ -n $values ]]; then
        at=$((at + 1))
        if ((at == COMP_CWORD)); then _${name}_offer "$current"; return; fi
      fi
      continue
    fi
    _${name}_tables "$path"
    [[ " $commands " == *" $word "* ]] && path="\${path:+$path }$word"
  done
  _${name}_tables "$path"
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n $commands ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  else
    _${name}_operands "$path"
    _${name}_offer "$current"
  fi
}
complete -F _${name} ${tree.name}
`
}

function wordsOf(value: ValueNode | undefined): string {
  return value?.kind === 'words' ? value.words.join(' ') : `@${value?.kind ?? 'other'}`
}
