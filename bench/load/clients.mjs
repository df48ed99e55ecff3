// Lets processes of clients begin at once, and puts together what they got.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pinned } from '../measure/pinned.mjs'

const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url))

/**
 * Runs jobs, each in a process of its own: `{ port, path, size, connections, plan, check }` with
 *
 * - plan: `{ kind: 'whole', times }`, `{ kind: 'ranges', length, seconds, seed }` or `{ kind: 'paced', everyMs, seconds, delaySeconds }`
 * - check: `{ stamps: true }`, `{ file }` (all bytes are those of the file) or `{ base64 }`
 *
 * @throws Error at the first answer that is wrong, short, long or late
 */
export async function runClients(jobs, { core } = {}) {
  const running = jobs.map(job => startClient(job, core))
  try {
    await Promise.all(running.map(({ ready }) => ready))
    for (const { child } of running) child.stdin.write('go\n')
    const results = await Promise.all(running.map(({ result }) => result))
    const clients = results.flatMap(result => result.clients)
    const seconds = Math.max(...clients.map(client => client.seconds))
    return {
      clients,
      seconds,
      bytesPerSecond: clients.reduce((sum, { bytes }) => sum + bytes, 0) / seconds,
      answersPerSecond: clients.reduce((sum, { answers }) => sum + answers, 0) / seconds,
      latencies: results.flatMap(result => result.latencies),
    }
  } finally {
    for (const { child } of running) child.kill('SIGKILL')
  }
}

function startClient(job, core) {
  const [program, args] = pinned(core, process.execPath, [CLIENT, JSON.stringify(job)])
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdin.on('error', () => undefined)
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  const result = new Promise((done, failed) => {
    child.once('error', failed).once('close', code => {
      if (code === 0) done(JSON.parse(output.split('\n')[1]))
      else
        failed(
          new Error(
            `a client of ${job.path} failed: ${/\w*(?:Error|Answer): .*/.exec(errors)?.[0] ?? errors}`,
          ),
        )
    })
  })
  const ready = new Promise(done => {
    child.stdout.on('data', chunk => {
      output += chunk
      if (output.startsWith('ready\n')) done()
    })
  })
  // Who waits for one of them must hear of the failure of the process; nobody may be listening to the other.
  result.catch(() => undefined)
  return { child, result, ready: Promise.race([ready, result]) }
}
