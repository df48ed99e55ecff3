/** Has several workers read the config again, so that all have read the same. */
import { FarError } from './exit-codes.ts'
import type { Member } from './worker-member.ts'

// A config that changes while it is read by one after the other is read again; whoever watches it notices what comes later.
const ATTEMPTS = 3

/**
 * Has workers prepare what is on disk now; answers its state.
 *
 * @throws FarError of a worker that could not read it. Workers that ended meanwhile are no reason to give up
 */
export async function preparedByAll(members: readonly Member[]): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const answers = await Promise.all(members.map(preparedBy))
    const states = new Set(answers.flatMap(answer => answer ?? []))
    const [state = ''] = states
    if (states.size <= 1 || attempt === ATTEMPTS) return state
  }
}

/** The state of what a worker has read; undefined when it has ended. */
async function preparedBy({ line }: Member): Promise<string | undefined> {
  try {
    return (await line.ask({ kind: 'prepare' })).state
  } catch (error) {
    if (error instanceof FarError) throw error
    return undefined
  }
}
