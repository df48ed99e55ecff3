import t from 'tap'
import { Depot } from '../../src/archive/depot.ts'
import { NO_RIGHTS } from '../../src/domain/rights.ts'
import { sharedViews } from '../../src/http/access/visible-generation.ts'
import { AnswerMemory } from '../../src/http/answer-memory.ts'
import { json, text } from '../../src/http/answers.ts'
import { exampleCopy } from '../support/example-folder.ts'

t.test('an answer is made once for what it is about', async t => {
  const memory = new AnswerMemory()
  let made = 0
  const make = () => {
    made += 1
    return json({ made })
  }
  const [one, other] = [{}, {}]
  const first = memory.of(one, 'list', make)
  t.equal(memory.of(one, 'list', make), first)
  t.not(memory.of(other, 'list', make), first, 'of something else')
  t.not(memory.of(one, 'attributes', make), first, 'another answer')
  t.equal(made, 3)
  t.equal(memory.kept(one, 'unknown'), undefined)
})

t.test('the budget holds; what is asked for stays', async t => {
  const memory = new AnswerMemory(40_000)
  const subject = {}
  const often = memory.keep(subject, 'often', text('x'.repeat(1000)))
  for (let i = 0; i < 500; i += 1) {
    t.equal(memory.kept(subject, 'often'), often)
    memory.keep({}, `answer ${i}`, text('y'.repeat(1000)))
    if (memory.weight > 40_000) t.fail(`${memory.weight} bytes`)
  }
  t.ok(memory.weight > 20_000)
})

t.test('an answer that is larger than the budget is kept alone', async t => {
  const memory = new AnswerMemory(1000)
  const subject = {}
  memory.keep(subject, 'small', text('small'))
  const large = memory.keep(subject, 'large', json('x'.repeat(5000)))
  t.equal(memory.kept(subject, 'large'), large)
  t.equal(memory.kept(subject, 'small'), undefined)
  const newer = memory.keep(subject, 'large', json('z'))
  t.equal(memory.kept(subject, 'large'), newer, 'in the place of the one before')
  t.ok(memory.weight < 2000, 'which is not reckoned any more')
})

t.test('names that callers make up for the server push nothing else out', async t => {
  const { folder, config } = await exampleCopy(t)
  const depot = await Depot.open({ config, archiveFolder: folder })
  t.teardown(() => depot.close())
  const { catalogue, answers, namedAnswers } = sharedViews()(depot.current, NO_RIGHTS)
  const list = answers.keep(catalogue, 'list', json('of genomes'))
  for (let i = 0; i < 40; i += 1) {
    namedAnswers.keep(catalogue, `genomes http://host${i}`, json('x'.repeat(1024 * 1024)))
  }
  t.ok(namedAnswers.weight <= 16 * 1024 * 1024, `${namedAnswers.weight} bytes`)
  t.equal(answers.kept(catalogue, 'list'), list)
})
