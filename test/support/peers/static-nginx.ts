/** A real nginx over a folder, as labs serve files with. */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../free-port.ts'
import { ended, hasEnded } from './ended-child.ts'

const START_MS = 20_000

/** Starts it; answers its URL. `lines` stand in the `location /` of the folder, `above` hold for every location. */
export async function staticNginx(
  t: Test,
  folder: string,
  lines = '',
  above = '',
): Promise<string> {
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(name => `${name}_temp_path ${folder}/nginx-temp;`)
    .join(' ')
  await writeFile(
    config,
    `pid ${folder}/nginx.pid; daemon off; error_log stderr; user ${userInfo().username};
events {}
http {
  access_log off; ${temporary} ${above}
  server {
    listen 127.0.0.1:${port};
    location / {
      root "${folder}";
      default_type application/octet-stream;
      ${lines}
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-p', folder, '-c', config])
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  t.teardown(() => ended(child, 'SIGTERM'))
  const url = `http://127.0.0.1:${port}`
  for (const until = Date.now() + START_MS; Date.now() < until; await wait(50)) {
    if (hasEnded(child)) break
    if ((await fetch(url).catch(() => undefined)) !== undefined) return url
  }
  throw new Error(`nginx did not start:\n${errors}`)
}
