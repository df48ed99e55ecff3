import t from 'tap'
import { connectS3 } from '../../src/storage/s3-client.ts'

t.test('connecting says nothing about the future of Node.js', async t => {
  const warnings: string[] = []
  const take = ({ message }: Error) => warnings.push(message)
  process.on('warning', take)
  t.teardown(() => process.off('warning', take))
  const client = connectS3({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
  t.equal(await client.config.region(), 'us-east-1')
  // Warnings come in a later tick.
  await new Promise(done => setImmediate(done))
  client.destroy()
  t.same(warnings, [])
})
