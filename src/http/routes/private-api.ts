/** The private API of refgenieserver: one route, which `refgenie listr` lives on. */
import { Type } from '../../domain/schema.ts'
import { json } from '../answers.ts'
import { genomesDict } from '../refgenie-content.ts'
import type { RefgenieRoute } from '../refgenie-route.ts'

/** The routes of the private API. */
export function privateRoutes(): RefgenieRoute[] {
  return [
    {
      path: '/_private_api/genomes/dict',
      operationId: '_private_apicustom_Id_genomes_dict',
      tag: 'PRIVATE_API',
      summary: 'Everything at once',
      description: 'All genomes with all assets and tags; `refgenie listr` asks for it.',
      kind: 'json',
      schema: Type.Record(Type.String(), Type.Ref('Genome')),
      canMiss: false,
      answer: ({ generation: { catalogue, answers } }) => ({
        blob: answers.of(catalogue, 'private genomes', () => json(genomesDict(catalogue))),
      }),
    },
  ]
}
