import t from 'tap'
import { Rights } from '../../src/domain/rights.ts'

const names = { genome: ['6c5f', 'seven'], asset: 'fasta', tag: 'v1' }

t.test('who may publish', async t => {
  const cases: [string[], string[], boolean, boolean][] = [
    // Scopes, studies of the tag, may it be written, may anything be written
    [[], [], false, false],
    [['read:seven/*'], [], false, false],
    [['write:seven/*'], [], true, true],
    [['write:6c5f/fasta:v1'], ['S1'], true, true],
    [['write:seven/other'], [], false, true],
    [['admin'], ['S1'], true, true],
    [['introspect'], [], false, false],
    [['S1.WRITE'], ['S1'], true, true],
    [['S1.WRITE'], ['S1', 'S2'], false, true],
    [['S1.WRITE', 'S2.WRITE'], ['S1', 'S2'], true, true],
    [['S1.WRITE'], [], false, true],
    [['S1.READ'], ['S1'], false, false],
    [['admin', 'S1.DENY'], ['S1'], false, true],
    [['write:*', 'S1.DENY'], ['S1'], false, true],
  ]
  for (const [scopes, studies, write, some] of cases) {
    const rights = new Rights(scopes)
    t.equal(rights.mayWrite(names, studies), write, `${scopes} for ${studies}`)
    t.equal(rights.mayWriteSome, some, `${scopes}`)
  }
})
