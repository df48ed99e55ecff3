// What takes part in the benchmark of downloads: whole commands that leave one file behind, which is compared before a time counts.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { LARGE_BYTES, largeArchive } from '../inputs/large-archive.mjs'
import { demandDigest } from '../measure/guard.mjs'
import { freshState, startRefdepot } from '../peers/refdepot.mjs'
import { MAIN, WORK } from '../places.mjs'

const OUT = join(WORK, 'pulled')

/** Starts our server with the archive of 1 GiB. Answers its URL, port, and what must arrive. */
export async function startArchive(servers) {
  const made = largeArchive()
  const place = { config: made.config, state: freshState('pull'), name: 'refdepot-pull' }
  const isRight = async url => (await fetch(`${url}/healthz`)).ok
  const server = await startRefdepot(place, isRight)
  servers.push(server)
  await demandDigest(`${server.url}${made.archivePath}`, made.sha256)
  return { url: server.url, port: server.port, path: made.archivePath, sha256: made.sha256 }
}

/** Commands by side: each gets the address of the server, the path of the archive, and a folder. */
export const COMMANDS = {
  ours: (url, _path, out) => [
    process.execPath,
    [MAIN, 'pull', 'noise/big', '--server', url, '-o', out, '--archive', '--quiet'],
  ],
  'ours, 8 connections': (url, path, out) => {
    const [program, args] = COMMANDS.ours(url, path, out)
    return [program, [...args, '--jobs', '8']]
  },
  'curl && sha256sum': (url, path, out) => [
    'bash',
    ['-c', 'curl -sf -o "$2/f" "$1" && sha256sum "$2/f"', '--', url + path, out],
  ],
  aria2c: (url, path, out) => [
    'aria2c',
    ['-q', '-x8', '-s8', '--file-allocation=none', '-d', out, '-o', 'f', url + path],
  ],
}

/** Bytes a second of a side, the start of its command included. Throws Error when what it leaves is not the archive. */
export async function timed(side, { url, path, sha256 }) {
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  execFileSync('sync', ['-f', OUT])
  const [program, args] = COMMANDS[side](url, path, OUT)
  const began = performance.now()
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const seconds = (performance.now() - began) / 1000
  const files = readdirSync(OUT, { recursive: true, withFileTypes: true }).filter(
    entry => entry.isFile() && !entry.parentPath.includes('.refdepot'),
  )
  const [file] = files
  if (files.length !== 1 || !existsSync(join(file.parentPath, file.name)))
    throw new Error(`${side} leaves ${files.length} files`)
  const hash = createHash('sha256')
  await pipeline(createReadStream(join(file.parentPath, file.name)), hash)
  if (hash.digest('hex') !== sha256) throw new Error(`${side} leaves other bytes`)
  rmSync(OUT, { recursive: true })
  return LARGE_BYTES / seconds / 1e6
}
