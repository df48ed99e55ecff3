// nginx before ours, with the config that is deployed; only addresses and folders are those of the benchmark.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORK } from '../places.mjs'
import { freePort, startServer } from './server-process.mjs'

const DEPLOYED = 'docker/nginx-sendfile.conf'

/** Flags of ours behind it. `report` is a port for what nginx reports. */
export const handOffFlags = report => [
  ...['--sendfile', 'x-accel-redirect=/_refdepot', '--trust-proxy', 'loopback'],
  ...['--sendfile-report', `127.0.0.1:${report}`],
]

/**
 * Starts it. Below `/plain/` it sends the folder by itself, with sendfile and without asking anybody.
 *
 * @param place - `{ folder, before, report }`: the archive folder, the port of ours, and that of the reports
 */
export async function startHandOff({ folder, before, report }, isRight) {
  const port = await freePort()
  const home = join(WORK, 'nginx-hand-off')
  mkdirSync(home, { recursive: true })
  const config = join(home, 'nginx.conf')
  writeFileSync(config, configText({ home, port, folder, before, report }))
  const args = ['-p', home, '-c', config, '-e', join(home, 'error.log'), '-g', 'daemon off;']
  return startServer({ name: 'nginx-hand-off', program: 'nginx', args, port }, isRight)
}

function configText({ home, port, folder, before, report }) {
  let text = readFileSync(DEPLOYED, 'utf8')
  const put = (found, place) => {
    if (!text.includes(found)) throw new Error(`${DEPLOYED} has no ${found}`)
    text = text.replaceAll(found, place)
  }
  put('/tmp/', `${home}/`)
  put('/genomes', folder)
  put('listen 8080;', `listen 127.0.0.1:${port};`)
  put('server refdepot:8080', `server 127.0.0.1:${before}`)
  put('syslog:server=refdepot:8514', `syslog:server=127.0.0.1:${report}`)
  // The reports stay, since downloads are counted by them; `off` would end them too.
  put('access_log /dev/stdout served;', '')
  const plain = `location /plain/ { alias ${folder}/; sendfile on; tcp_nopush on; }`
  put('    location / {\n', `    ${plain}\n    location / {\n`)
  return process.getuid() === 0 ? `user root;\n${text}` : text
}
