// nginx with sendfile, the yardstick of what a machine can send.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORK } from '../places.mjs'
import { freePort, startServer } from './server-process.mjs'

const INTERNAL = '/_archives/'

/**
 * Starts it over a folder.
 *
 * @param place - `{ folder, core, accessLog, before }`: with a core one worker, else one for each core. `before` is a port of ours: `/plain/…` is then the
 * folder itself, everything else is asked there, and files that ours hands over come from the folder.
 */
export async function startNginx({ folder, core, accessLog = false, before }, isRight) {
  const port = await freePort()
  const home = join(WORK, `nginx-${port}`)
  mkdirSync(home, { recursive: true })
  const config = join(home, 'nginx.conf')
  const locations = before === undefined ? `root ${folder};` : handOff(folder)
  const upstream =
    before === undefined
      ? ''
      : `upstream refdepot { server 127.0.0.1:${before}; keepalive 16; }`
  writeFileSync(config, configText({ home, port, core, accessLog, locations, upstream }))
  const args = ['-p', home, '-c', config, '-e', join(home, 'error.log'), '-g', 'daemon off;']
  return startServer({ name: 'nginx', program: 'nginx', args, core, port }, isRight)
}

function configText({ home, port, core, accessLog, locations, upstream }) {
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
  ${upstream}
  server {
    listen 127.0.0.1:${port};
    ${locations}
  }
}
`
}

function handOff(folder) {
  return `
    location /plain/ { alias ${folder}/; }
    location ${INTERNAL} { internal; alias ${folder}/; }
    location / {
      proxy_pass http://refdepot;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }`
}

/** Where files lie that ours hands over. */
export const HAND_OFF_PREFIX = INTERNAL.replace(/\/$/, '')
