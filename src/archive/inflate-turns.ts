/** Lets long streams inflate a few blocks in each turn of the event loop, so that all other answers come in between. */

// Half a millisecond on a usual machine.
const BLOCKS_A_TURN = 8

let left = BLOCKS_A_TURN
const waiting: (() => void)[] = []

/** Undefined when a block may be inflated now; else the moment when it may, in the order of asking. */
export function inflateTurn(): Promise<void> | undefined {
  if (left === BLOCKS_A_TURN) setImmediate(nextTurn)
  if (left === 0) return new Promise(done => waiting.push(done))
  left -= 1
  return undefined
}

function nextTurn(): void {
  const now = waiting.splice(0, BLOCKS_A_TURN)
  left = BLOCKS_A_TURN - now.length
  if (now.length > 0) setImmediate(nextTurn)
  for (const begin of now) begin()
}
