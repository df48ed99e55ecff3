/** Pieces of completion scripts that all shells share. */

/** A text for bash and zsh: in single quotes, which nothing in it ends. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** A name that a shell function may have. */
export function functionName(program: string): string {
  return program.replace(/\W/g, '_')
}

/** A description as one short line: help texts are sentences, a menu has room for a few words. */
export function shortened(description: string, most = 70): string {
  const line = description.replace(/\s+/g, ' ').trim()
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`
}
