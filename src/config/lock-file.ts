/** Lock files that appear with their content: a process that dies while it takes a lock leaves none that does not say whose it is. */
import { link, readFile, writeFile } from 'node:fs/promises'

// File systems without links between files.
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/**
 * Gives a lock its name; false when another has it. Throws what the file system throws.
 *
 * @param own - a file with the text, which the caller has written beside it and removes
 * @param linked - makes the link; another one in tests
 */
export async function appeared(
  own: string,
  path: string,
  text: string,
  linked: (from: string, to: string) => Promise<void> = link,
): Promise<boolean> {
  try {
    await linked(own, path).catch(error => {
      if (!NO_LINKS.includes(error.code)) throw error
      return writeFile(path, text, { flag: 'wx' })
    })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Over a network a request that is sent twice finds what it has done the first time.
    return (await lockText(path)) === text
  }
}

/** The text of a lock; nothing when it is gone. */
export function lockText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
