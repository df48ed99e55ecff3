/** What every state must do with manifests; part of the contract of states. */
import type { Test } from 'tap'
import type { State } from '../../src/state/open-state.ts'
import { putForward } from './put-forward.ts'

const HOUR_MS = 3_600_000
const soon = () => new Date(Date.now() + HOUR_MS)

/** Runs this part of the contract. */
export function manifestContract(t: Test, make: (t: Test) => Promise<() => Promise<State>>): void {
  t.test('manifests are kept under their id until their time is over', async t => {
    const open = await make(t)
    const [one, other] = [await open(), await open()]
    const content = `{"rows":["${'é'.repeat(1_000_000)}"]}`
    const kept = { id: 'a', content, createdBy: 'token me', expiresAt: soon() }
    t.equal(await one.manifests.find('a'), undefined)
    t.equal(await one.manifests.bytes(), 0)
    t.equal(await one.manifests.keep(kept), true)
    t.equal(await other.manifests.find('a'), content, 'any server has it')
    t.equal(await other.manifests.keep({ ...kept, createdBy: 'token you' }), false, 'once')
    t.equal(await one.manifests.bytes(), Buffer.byteLength(content))
    await Promise.all([one.close(), other.close()])
  })

  t.test('manifests expire, and are swept away', async t => {
    const { manifests, close } = await (await make(t))()
    const short = { id: 'a', content: 'aaaa', createdBy: 'me', expiresAt: soon() }
    const longer = { ...short, expiresAt: new Date(Date.now() + 3 * HOUR_MS) }
    t.equal(await manifests.keep(short), true)
    t.equal(await manifests.keep({ ...longer, id: 'b' }), true)
    t.equal(await manifests.keep({ ...short, id: 'c' }), true)
    t.equal(await manifests.keep({ ...longer, id: 'c' }), false, 'kept longer')
    t.equal(await manifests.keep({ ...short, id: 'b' }), false, 'but never shorter')
    putForward(t, HOUR_MS)
    t.equal(await manifests.find('a'), undefined)
    t.equal(await manifests.find('b'), 'aaaa')
    t.equal(await manifests.find('c'), 'aaaa')
    t.equal(await manifests.bytes(), 12, 'it is still there')
    await manifests.keep({ ...short, id: 'd', expiresAt: soon() })
    t.equal(await manifests.bytes(), 12, 'the one whose time was over is gone')
    await close()
  })

  t.test('what somebody has added is counted', async t => {
    const { manifests, close } = await (await make(t))()
    const before = new Date()
    for (const [id, createdBy] of [
      ['a', 'me'],
      ['b', 'me'],
      ['b', 'you'],
      ['c', 'you'],
    ] as const) {
      await manifests.keep({ id, content: id, createdBy, expiresAt: soon() })
    }
    t.equal(await manifests.addedBy('me', before), 2)
    t.equal(await manifests.addedBy('you', before), 1, 'what was there is nobody else’s')
    t.equal(await manifests.addedBy('me', soon()), 0)
    await close()
  })

  t.test('one manifest that two servers keep at the same time is one', async t => {
    const open = await make(t)
    const states = await Promise.all([open(), open(), open(), open()])
    const kept = { id: 'a', content: 'x', createdBy: 'me', expiresAt: soon() }
    const made = await Promise.all(states.map(({ manifests }) => manifests.keep(kept)))
    t.equal(made.filter(Boolean).length, 1)
    await Promise.all(states.map(state => state.close()))
  })
}
