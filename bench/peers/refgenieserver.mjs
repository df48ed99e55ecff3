// The real refgenieserver, from PyPI.
import { resolve } from 'node:path'
import { freePort, startServer } from './server-process.mjs'

/** Python of the environment that it lives in (scripts/peers/make-genomes.sh). */
export const PYTHON = `${process.env.REFGENIE_VENV ?? '/srv/refgenie/venv'}/bin/python`

/** Starts it over an archive folder. */
export async function startRefgenieserver({ config, folder, core, accessLog = false }, isRight) {
  const port = await freePort()
  return startServer(
    {
      name: 'refgenieserver',
      program: PYTHON,
      args: [
        resolve('bench/peers/start_refgenieserver.py'),
        'serve',
        '-c',
        config,
        '-p',
        String(port),
      ],
      env: { ARCHIVES: folder, ACCESS_LOG: accessLog ? '1' : '0' },
      core,
      port,
    },
    isRight,
  )
}
