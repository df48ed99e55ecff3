/** One download through faults that follow from a seed, and what must be true at its end. */

import { randomNumbers } from '../content-shapes.ts'
import { FAULT_KINDS, type FaultKind } from './fault-kinds.ts'

/** How the servers of a trial behave. */
type Manner =
  /** Not more faults than a client bears. */
  | 'gentle'
  /** Faults all the time, with some luck in between. */
  | 'harsh'
  /** One fault, always. */
  | 'broken'
  /** A mirror of other bytes. */
  | 'damaging'
  /** As by itself. */
  | 'sound'

/** A server of a trial. */
interface ServerPlan {
  readonly manner: Manner
  readonly chance: number
  readonly kinds: readonly FaultKind[]
  readonly most: number
  readonly redirects: boolean
}

/** What is done with what is downloaded. */
export type Form =
  | 'file'
  /** An archive with an index is unpacked. */
  | 'unpack'
  /** Some files of it are. */
  | 'only'
  /** An archive of another tool is unpacked from a file beside the target. */
  | 'foreign'
  /** The same without the file. */
  | 'stream'

/** A trial. */
export interface Trial {
  readonly seed: number
  readonly form: Form
  /** Of a plain file. */
  readonly size: number
  readonly jobs: number
  readonly race: boolean
  /** Bytes of the parts whose hashes are known; undefined: none are. */
  readonly partSize: number | undefined
  /** Which digests are known. */
  readonly digests: readonly ('md5' | 'sha256')[]
  readonly servers: readonly ServerPlan[]
  /** The run is ended when so much of the file has come, and then begun again. */
  readonly kills: readonly number[]
  /** True: there is a file under the name of the target already. */
  readonly isReplaced: boolean
}

/** Faults that a download has to bear: fewer than the attempts that a client makes for one part. */
const BEARABLE = 5
const MIB = 1024 * 1024
const SMALL = 6 * MIB
const LARGE = 64 * MIB
const DAMAGES: readonly FaultKind[] = ['swap', 'swap-same-tag', 'flip', 'duplicate']

type Random = (below: number) => number

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T

/** The trial of a seed. */
export function trialOf(seed: number): Trial {
  const random = randomNumbers(Math.imul(seed + 1, 2_654_435_761))
  // The first numbers of near seeds are alike.
  for (let i = 0; i < 8; i += 1) random(2)
  const servers: ServerPlan[] = [serverPlan(random, oneOf(random, FIRST))]
  if (random(3) === 0) servers.push(serverPlan(random, oneOf(random, SECOND)))
  const partSize = oneOf(random, [undefined, 64 * 1024, 256 * 1024, MIB, 5_000_000])
  return {
    seed,
    form: oneOf(random, FORMS),
    size: sizeOf(random, partSize ?? 4 * MIB),
    jobs: 1 + random(8),
    race: random(3) === 0,
    partSize,
    digests: oneOf(random, [['sha256'], ['md5'], ['md5', 'sha256']]),
    servers: random(4) === 0 ? servers.toReversed() : servers,
    kills: Array.from({ length: oneOf(random, [0, 0, 0, 1, 1, 2, 3]) }, () => random(100) / 100),
    isReplaced: random(4) === 0,
  }
}

// How often which.
const FORMS: readonly Form[] = [
  ...Array<Form>(6).fill('file'),
  'unpack',
  'unpack',
  'only',
  'foreign',
  'stream',
]
const FIRST: readonly Manner[] = [...Array<Manner>(6).fill('gentle'), 'harsh', 'harsh', 'broken']
const SECOND: readonly Manner[] = ['gentle', 'harsh', 'broken', 'damaging', 'sound', 'sound']

function serverPlan(random: Random, manner: Manner): ServerPlan {
  const few = Array.from({ length: 1 + random(5) }, () => oneOf(random, FAULT_KINDS))
  const some = random(2) === 0 ? few : FAULT_KINDS
  const redirects = random(3) === 0
  const plan = { manner, redirects, most: Number.POSITIVE_INFINITY }
  switch (manner) {
    case 'gentle':
      return { ...plan, chance: (20 + random(80)) / 100, kinds: some, most: BEARABLE }
    case 'harsh':
      return { ...plan, chance: (30 + random(50)) / 100, kinds: some }
    case 'broken':
      return { ...plan, chance: 1, kinds: few.slice(0, 1) }
    case 'damaging':
      return { ...plan, chance: 1, kinds: [oneOf(random, DAMAGES)] }
    case 'sound':
      return { ...plan, chance: 0, kinds: [] }
  }
}

/** From empty files to many parts, often beside a border of a part. */
function sizeOf(random: Random, part: number): number {
  const size = oneOf(random, [
    random(100),
    1 + random(64 * 1024),
    part * (1 + random(4)) + random(3) - 1,
    random(SMALL),
    random(SMALL),
    // Enough for several connections.
    SMALL + random(LARGE - SMALL),
  ])
  return Math.max(0, size)
}
