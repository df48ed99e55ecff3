/** The manual page of the program, in the macros of man(7), from the commands as they are registered. */
import { CLIENT_SETTINGS } from '../client/client-settings.ts'
import { SETTINGS } from '../config/settings.ts'
import { allNodes, type CommandNode, type OptionNode } from './command-tree.ts'
import { EXIT } from './exit-codes.ts'

// A page has a date; the day of a build would make it another page every day.
const DATE = '2026-11-21'

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Everything was done.',
  failed: 'Something failed; the message tells what.',
  usage: 'The command line, a variable or a setting is wrong.',
  notFound: 'What was asked for does not exist.',
  denied: 'The server refuses, or wants a token.',
  digestMismatch: 'Bytes are not what their digest says.',
  partial: 'Some of several things were done, others failed.',
}

const VARIABLES: readonly (readonly [string, string])[] = [
  ['REFGENIE', 'Genome config that is used when a command is given none.'],
  ['REFDEPOT_TOKEN', 'Token for the first server.'],
  ['REFDEPOT_CLIENT_CONFIG', 'Settings file of the client.'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'Proxies, and hosts that are reached without them.'],
  ['SSL_CERT_FILE', 'Certificates that count beside those of the system.'],
  ['NETRC', 'File with users and passwords by host; ~/.netrc without.'],
]

const FILES: readonly (readonly [string, string])[] = [
  [
    '~/.config/refdepot/config.yaml',
    'Settings of the client: one key a line, named as the flags. $XDG_CONFIG_HOME moves it.',
  ],
  [
    'genome_config.yaml',
    'Genomes, assets and tags; its section refdepot has settings of the server.',
  ],
  ['.refdepot/', 'In an archive folder: state of the server (tokens, audit, download counts).'],
  ['*.part, *.journal', 'A download that was broken off; the same command goes on with it.'],
]

/** The page. */
export function manualPage(tree: CommandNode, version: string): string {
  const { name, description } = tree
  const commands = allNodes(tree).filter(node => node.path !== '' && node.commands.length === 0)
  const groups = [...new Set(tree.commands.map(({ group }) => group))]
  return lines([
    `.\\" Made by npm run generate; do not edit.`,
    `.TH ${name.toUpperCase()} 1 ${DATE} "${name} ${version}" "User Commands"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(description)}`,
    '.SH SYNOPSIS',
    `.B ${escaped(name)}`,
    '.I COMMAND',
    '[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]',
    '.SH DESCRIPTION',
    escaped(
      `${name} packs the assets of a refgenie genome folder into archives, serves them, and fetches them from servers. Each command tells more with --help.`,
    ),
    ...groups.flatMap(group => [
      `.SS ${quotedWord(group)}`,
      ...tree.commands
        .filter(it => it.group === group)
        .flatMap(it => item(it.name, it.description)),
    ]),
    '.SH OPTIONS',
    ...tree.options.flatMap(optionItem),
    '.SH COMMANDS',
    ...commands.flatMap(node => commandSection(name, node)),
    '.SH EXIT STATUS',
    ...Object.entries(EXIT).flatMap(([key, code]) =>
      item(String(code), EXIT_MEANING[key as keyof typeof EXIT]),
    ),
    '.SH ENVIRONMENT',
    'Flags win over variables, those over files.',
    ...[...VARIABLES, ...settingVariables()].flatMap(row => item(...row)),
    '.SH FILES',
    ...FILES.flatMap(row => item(...row)),
    '.SH SEE ALSO',
    '.BR samtools (1),',
    '.BR curl (1)',
  ])
}

function settingVariables(): (readonly [string, string])[] {
  const ofServer = SETTINGS.flatMap(({ name, environment, description }) =>
    environment.map(variable => [variable, `serve \\-\\-${name}: ${description}.`] as const),
  )
  const ofClient = CLIENT_SETTINGS.map(
    ({ name, environment, description }) =>
      [environment, `Setting ${name} of the client: ${description}.`] as const,
  )
  return [...ofClient, ...ofServer].map(([name, text]) => [name, text.replaceAll('\\-', '-')])
}

function commandSection(program: string, node: CommandNode): string[] {
  const { path, usage, description, options } = node
  return [
    `.SS ${quotedWord(`${program} ${path}`)}`,
    `.B ${escaped(`${program} ${path}`)}`,
    escaped(usage),
    '.PP',
    escaped(sentence(description)),
    ...node.arguments
      .filter(argument => argument.description !== '')
      .flatMap(argument => item(argument.name, argument.description)),
    // Every command has it.
    ...options.filter(({ long }) => long !== '--help').flatMap(optionItem),
  ]
}

function optionItem({ flags, description }: OptionNode): string[] {
  return item(flags, description)
}

function item(term: string, text: string): string[] {
  return ['.TP', `.B ${escaped(term)}`, escaped(sentence(text))]
}

function sentence(text: string): string {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}

/** For a macro that takes one word. */
function quotedWord(text: string): string {
  return `"${escaped(text).replaceAll('"', '\\(dq')}"`
}

/** A text without what roff would take for its own: backslashes, minus signs, control characters at the start of a line. */
function escaped(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replace(
      /[^\x20-\x7e]/gu,
      letter => `\\[u${letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^(?=[.'])/, '\\&')
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
