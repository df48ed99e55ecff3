/** What checks requests and writes answers by their schemas: the library is loaded when a request is checked first. */
import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Factory = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>
type Check = { (value: unknown): unknown; errors?: unknown }
type Compile = (route: unknown) => Check
type BuildValidator = (...given: unknown[]) => Compile

/**
 * Compilers for an app. Each schema is compiled when the first request comes to its route: compiling those of all routes, with the library
 * that does it, took a third of a start.
 */
export const COMPILERS = {
  buildValidator: (...given: unknown[]): Compile => {
    let compile: Compile | undefined
    return route => {
      let check: Check | undefined
      const validate: Check = value => {
        compile ??= ajvCompiler()(...given)
        check ??= compile(route)
        const accepted = check(value)
        validate.errors = check.errors
        return accepted
      }
      return validate
    }
  },
  // What is answered is made by this program: it is written as it is.
  buildSerializer: () => () => (data: unknown) => JSON.stringify(data),
} as unknown as Factory & object

/** Loaded in the middle of a request, which cannot wait: so by `require`, as the framework does. */
function ajvCompiler(): BuildValidator {
  const require = createRequire(import.meta.url)
  return createRequire(require.resolve('fastify'))('@fastify/ajv-compiler')()
}
