// Bare Fastify servers, the yardstick of what the framework costs.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WORK } from '../places.mjs'
import { freePort, startServer } from './server-process.mjs'

/** A route that answers a constant string. */
export function startFastifyConstant({ body, core }, isRight) {
  const file = join(WORK, 'constant.json')
  writeFileSync(file, body)
  return start('fastify-constant', file, core, isRight)
}

/** @fastify/static over a folder. */
export function startFastifyStatic({ folder, core }, isRight) {
  return start('fastify-static', folder, core, isRight)
}

async function start(name, what, core, isRight) {
  const port = await freePort()
  const args = [resolve(`bench/peers/${name}.mjs`), String(port), what]
  return startServer({ name, program: process.execPath, args, core, port }, isRight)
}
