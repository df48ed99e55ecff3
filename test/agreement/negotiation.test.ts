import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EXAMPLE_FLAGS } from '../support/example-folder.ts'
import { freePort } from '../support/free-port.ts'
import { CHROMIUM } from '../support/peers/chromium.ts'
import { ended } from '../support/peers/ended-child.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const serve = EXAMPLE_FLAGS
const BROWSER_ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

t.test('curl gets JSON from the URL that gives a browser a page', async t => {
  const server = await startOurs(t, serve)
  for (const path of ['/genomes', '/assets', '/t7/assets', '/t7/assets/fasta']) {
    const curl = await run('curl', ['-fsS', server + path])
    t.ok(typeof JSON.parse(curl.stdout) === 'object', path)
    const browser = await run('chromium', [
      ...CHROMIUM,
      `--user-data-dir=${folderRemovedLast(t)}`,
      '--dump-dom',
      server + path,
    ])
    t.match(browser.stdout, /<h1>/, path)
    t.match(browser.stdout, /t7/, path)
  }
})

t.test('a page of another origin reads answers, ranges and headers', async t => {
  const server = await startOurs(t, serve)
  const page = join(folderRemovedLast(t), 'page.html')
  await writeFile(
    page,
    `<body><script>
fetch('${server}/t7/assets/fasta/archive', { headers: { Range: 'bytes=0-9' } }).then(async answer => {
  const bytes = new Uint8Array(await answer.arrayBuffer())
  document.body.textContent = [answer.status, bytes.length, answer.headers.get('content-range'), answer.headers.get('etag') !== null].join(' ')
}, error => { document.body.textContent = String(error) })
</script></body>`,
  )
  const args = [
    ...CHROMIUM,
    `--user-data-dir=${join(page, '../profile')}`,
    '--virtual-time-budget=5000',
    '--dump-dom',
    `file://${page}`,
  ]
  const browser = await run('chromium', args)
  t.match(browser.stdout, /206 10 bytes 0-9\/\d+ true/)
})

/** A shared cache in front of our server: nginx, which obeys Vary and Cache-Control. */
async function sharedCache(t: Test, server: string): Promise<string> {
  const folder = folderRemovedLast(t, { cache: {} })
  const port = await freePort()
  await writeFile(
    join(folder, 'nginx.conf'),
    `pid ${folder}/pid; daemon off; error_log stderr; user root;
events {}
http {
  access_log off;
  proxy_cache_path ${folder}/cache keys_zone=c:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${server};
      proxy_cache c;
      proxy_cache_revalidate on;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`,
  )
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: 'inherit',
  })
  t.teardown(() => ended(nginx, 'SIGTERM'))
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 100; i += 1) {
    if ((await fetch(`${url}/healthz`).catch(() => undefined))?.ok) return url
    await wait(100)
  }
  throw new Error('nginx did not start')
}

t.test('a shared cache never mixes the forms of a URL', async t => {
  const cache = await sharedCache(t, await startOurs(t, serve))
  for (const path of ['/genomes', '/t7/assets/fasta']) {
    for (const accept of [
      BROWSER_ACCEPT,
      '*/*',
      BROWSER_ACCEPT,
      'application/json',
      '*/*',
      BROWSER_ACCEPT,
    ]) {
      const answer = await fetch(cache + path, { headers: { accept } })
      const type = accept === BROWSER_ACCEPT ? 'text/html; charset=utf-8' : 'application/json'
      t.equal(answer.headers.get('content-type'), type, `${path} ${accept}`)
      t.match(answer.headers.get('vary'), /Accept/)
    }
  }
})
