/** The commands as they are registered, as plain data: completions and the manual page are made from it. */
import type { Argument, Command, Option } from 'commander'

/** What may stand in the place of a value. */
type ValueKind = 'words' | 'file' | 'folder' | 'registry-path' | 'other'

/** Value of an option, or an argument. */
export interface ValueNode {
  /** As the help shows it: `FILE`. */
  readonly name: string
  readonly kind: ValueKind
  /** Allowed words of kind `words`. */
  readonly words: readonly string[]
  readonly description: string
}

/** An option. */
export interface OptionNode {
  /** `-c`; empty when it has none. */
  readonly short: string
  /** `--config` */
  readonly long: string
  /** As the help shows it: `-c, --config <FILE>`. */
  readonly flags: string
  readonly description: string
  /** Undefined for switches. */
  readonly value?: ValueNode
}

/** A command. */
export interface CommandNode {
  /** Names from the top without the program: `archive create`; empty for the program. */
  readonly path: string
  readonly name: string
  readonly description: string
  /** As the help shows it, without the name. */
  readonly usage: string
  /** Heading of the help of the program that it stands under. */
  readonly group: string
  readonly options: readonly OptionNode[]
  readonly arguments: readonly ValueNode[]
  readonly commands: readonly CommandNode[]
}

/** The tree below a command; what is hidden is left out. */
export function treeOf(command: Command, above = ''): CommandNode {
  const help = command.createHelp()
  const isProgram = command.parent === null
  const path = isProgram ? '' : `${above} ${command.name()}`.trim()
  return {
    path,
    name: command.name(),
    description: command.description(),
    usage: command.usage(),
    group: command.helpGroup().replace(/:$/, ''),
    options: help.visibleOptions(command).map(option => optionOf(option)),
    arguments: command.registeredArguments.map(argument => argumentOf(argument)),
    // `help` says what `--help` says.
    commands: help
      .visibleCommands(command)
      .filter(below => below.name() !== 'help')
      .map(below => treeOf(below, path)),
  }
}

/** A tree as a list, the program first. */
export function allNodes(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(below => allNodes(below))]
}

function optionOf(option: Option): OptionNode {
  const takes = option.required || option.optional
  const name = /[<[]([^\]>]+?)(?:\.\.\.)?[\]>]/.exec(option.flags)?.[1] ?? ''
  return {
    short: option.short ?? '',
    long: option.long ?? '',
    flags: option.flags,
    description: described(option),
    ...(takes && { value: valueNode(name, option.argChoices, option.description) }),
  }
}

function argumentOf(argument: Argument): ValueNode {
  return valueNode(argument.name(), argument.argChoices, argument.description)
}

/** The description with what the help adds to it. */
function described({ description, argChoices, defaultValue, envVar, hidden }: Option): string {
  const more = [
    argChoices && `one of ${argChoices.join(', ')}`,
    typeof defaultValue === 'string' && defaultValue !== '' && `default: ${defaultValue}`,
    envVar && !hidden && !description.includes(`$${envVar}`) && `$${envVar}`,
  ].filter(Boolean)
  return more.length === 0 ? description : `${description} (${more.join('; ')})`
}

function valueNode(name: string, choices: readonly string[] | undefined, text: string): ValueNode {
  const words = choices ?? []
  return { name, kind: words.length > 0 ? 'words' : kindOf(name, text), words, description: text }
}

/** By the name of the value, which is in capitals everywhere; what means registry paths says so in its description. */
function kindOf(name: string, text: string): ValueKind {
  if (/^REGISTRY_PATH/.test(name) || /registry path|genome\/asset/i.test(text))
    return 'registry-path'
  if (/^(?:DIR|PLACE)$|FOLDER/.test(name)) return 'folder'
  return /^(?:FILE|CSV|CONFIG|SOURCE|PATH|ARCHIVE|BUNDLE)/.test(name) ? 'file' : 'other'
}
