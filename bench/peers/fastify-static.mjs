// A bare @fastify/static over a folder: `node fastify-static.mjs PORT FOLDER`
import fastifyStatic from '@fastify/static'
import Fastify from 'fastify'

const [port, root] = process.argv.slice(2)
const app = Fastify({ logger: false })
app.register(fastifyStatic, { root })
await app.listen({ port: Number(port), host: '127.0.0.1' })
