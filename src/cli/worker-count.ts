/** From the setting to a number of processes. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { SettingInvalid } from '../config/config-error.ts'
import type { SettingValues } from '../config/settings.ts'

/**
 * How many processes shall answer requests.
 *
 * @throws SettingInvalid for what belongs to one process: a cache folder (each would keep a list of its own of what is in it), and reports of a
 *   front proxy (they would come to any of them)
 */
export async function workerCount(values: SettingValues): Promise<number> {
  const { workers } = values
  const single = (['cache-folder', 'sendfile-report'] as const).find(name => values[name] !== '')
  if (workers === 'auto') return single === undefined ? coreCount() : 1
  if (single !== undefined && workers !== '1') {
    throw new SettingInvalid('--workers', workers, `1 with --${single}; for more run replicas`)
  }
  return Number(workers)
}

/** Cores that this process may use. */
async function coreCount(): Promise<number> {
  // Node.js 20 sees the cores of the machine, not those of its container.
  const quota = await readFile('/sys/fs/cgroup/cpu.max', 'utf8').catch(() => '')
  return coresWithin(quota, availableParallelism())
}

/**
 * Cores of a machine that a container may use.
 *
 * @param quota - content of `cpu.max` (cgroup v2): microseconds of a period, or `max`; anything else is no limit
 */
export function coresWithin(quota: string, cores: number): number {
  const [allowed, period] = quota.trim().split(' ').map(Number)
  if (!(Number(allowed) > 0 && Number(period) > 0)) return cores
  return Math.max(1, Math.min(cores, Math.ceil(Number(allowed) / Number(period))))
}
