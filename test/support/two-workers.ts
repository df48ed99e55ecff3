/** A server of two workers, and what it is asked again and again. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { type Served, serveCli } from './run-cli.ts'
import { ask } from './worker-requests.ts'

/** Bytes. */
export const MB = 1024 * 1024
/** Bytes of an archive that is larger than what the sockets of both ends hold. */
export const BIG = 48 * MB
/** A list that everybody may read. */
export const LIST = '/v3/genomes/list'

/** Starts a server of two workers, and waits until both listen. */
export async function twoWorkers(t: Test, args: readonly string[], env = {}): Promise<Served> {
  const served = await serveCli(t, ['--workers', '2', ...args], env)
  await until(async () => (await answering(served)).size === 2)
  return served
}

/** Numbers of the workers that answer at this moment. */
export async function answering(served: Served): Promise<Set<unknown>> {
  const path = `/healthz?${Math.random()}`
  for (let i = 0; i < 6; i += 1) await ask(served.url + path)
  const lines = () => served.log.filter(({ url }) => url === path)
  await until(() => lines().length === 6)
  return new Set(lines().map(({ worker }) => worker))
}

/** Waits until something is so, as long as the test may take. */
export async function until(fulfilled: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fulfilled())) await wait(20)
}

/** How many lines of the log say something. */
export function count({ log }: Served, pattern: RegExp): number {
  return log.filter(({ msg }) => pattern.test(String(msg))).length
}

/** The statuses among some answers, each once. */
export function statuses(answers: readonly { status: number }[]): number[] {
  return [...new Set(answers.map(({ status }) => status))].sort()
}
