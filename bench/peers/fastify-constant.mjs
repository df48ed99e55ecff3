// A bare Fastify route that answers a constant string: `node fastify-constant.mjs PORT FILE`, FILE holds the string. The pattern of the route is ours.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

const [port, file] = process.argv.slice(2)
const text = readFileSync(file, 'utf8')
const app = Fastify({ logger: false })
app.get('/v3/assets/attrs/:genome/:asset', (_request, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(text)
})
await app.listen({ port: Number(port), host: '127.0.0.1' })
