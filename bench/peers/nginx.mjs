// nginx with sendfile, the yardstick of what a machine can send.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORK } from '../places.mjs'
import { freePort, startServer } from './server-process.mjs'

/**
 * Starts it over a folder.
 *
 * @param place - `{ folder, core, accessLog }`: with a core one worker, else one for each core
 */
export async function startNginx({ folder, core, accessLog = false }, isRight) {
  const port = await freePort()
  const home = join(WORK, `nginx-${port}`)
  mkdirSync(home, { recursive: true })
  const config = join(home, 'nginx.conf')
  writeFileSync(config, configText({ home, port, core, accessLog, folder }))
  const args = ['-p', home, '-c', config, '-e', join(home, 'error.log'), '-g', 'daemon off;']
  return startServer({ name: 'nginx', program: 'nginx', args, core, port }, isRight)
}

function configText({ home, port, core, accessLog, folder }) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `  ${name}_temp_path ${home}/${name};`,
  )
  return `${process.getuid() === 0 ? 'user root;\n' : ''}worker_processes ${core === undefined ? 'auto' : 1};
pid ${home}/nginx.pid;
events { worker_connections 1024; }
http {
${temporary.join('\n')}
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 100000000;
  default_type application/octet-stream;
  access_log ${accessLog ? `${home}/access.log` : 'off'};
  server {
    listen 127.0.0.1:${port};
    root ${folder};
  }
}
`
}
