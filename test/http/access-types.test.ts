/** What a route can get hold of: `tsc` fails when one of these lines becomes possible. */
import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import type { Depot, Generation } from '../../src/archive/depot.ts'
import type { Catalogue } from '../../src/domain/catalogue.ts'
import type { VisibleCatalogue } from '../../src/domain/visible-catalogue.ts'
import type { VisibleGeneration } from '../../src/http/access/visible-generation.ts'
import type { RouteParts } from '../../src/http/app-settings.ts'

/** Never called: it is enough that it compiles. */
export function impossible(
  parts: RouteParts,
  depot: Depot,
  whole: Catalogue,
  generation: Generation,
) {
  // @ts-expect-error a catalogue that was not filtered is no visible one
  const seen: VisibleCatalogue = whole
  // @ts-expect-error nor is a generation
  const visible: VisibleGeneration = generation
  // @ts-expect-error routes have no depot
  const unfiltered: Depot = parts.depot
  // @ts-expect-error what they know of its health leads to no generation
  const current: Generation = parts.healthFor({} as never).current
  // @ts-expect-error a function that gives away everything cannot take the place of the one that filters
  const replaced: RouteParts['generationFor'] = () => depot.current
  // @ts-expect-error a visible generation has no store to read by key
  const store = parts.generationFor({} as never).store
  return [seen, visible, unfiltered, current, replaced, store]
}

t.test('no route and no page imports what is not filtered', async t => {
  let looked = 0
  for (const folder of ['src/http/routes', 'src/http/pages']) {
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.ts')) continue
      const text = await readFile(`${folder}/${name}`, 'utf8')
      t.notMatch(text, /from '.*\/(?:depot|archive-folder|file-store|visible-catalogue)\.ts'/, name)
      looked += 1
    }
  }
  t.ok(looked > 15)
})
