/** The program of a worker: it is started by the primary process of `refdepot serve` and by nobody else. */
import { ServingWorker } from './serving-worker.ts'
import type { LinePort } from './worker-line.ts'

// A terminal sends these to all processes of a server; the primary process decides.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})

new ServingWorker(process as LinePort).begin()
