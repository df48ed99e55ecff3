/** Who sees what, over every route and every kind of token: what is hidden must be answered as what was never there. */
import t, { type Test } from 'tap'
import { Rights } from '../../src/domain/rights.ts'
import type { Viewing } from '../../src/http/access/visible-generation.ts'
import { sharedViews } from '../../src/http/access/visible-generation.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { ask, type Case, casesFor, LISTS_MORE } from '../support/access-matrix.ts'
import { INSIDERS, makeCallers, OUTSIDERS } from '../support/callers.ts'
import { controlledFolder } from '../support/controlled-folder.ts'
import { startApp } from '../support/start-app.ts'

/** A server with everything, one without what is controlled, over the same archives and the same tokens. */
async function twoServers(t: Test, view: Viewing = sharedViews()) {
  const folder = await controlledFolder(t)
  const callers = await makeCallers(folder.state)
  const { archiveFolder, policy } = folder
  const access = { state: new LazyState(folder.state), gate: { free: 1000 } }
  const routes: [string, string][] = []
  const onRoute = (method: string, url: string) => routes.push([method, url])
  const whole = await startApp(
    t,
    { config: folder.config, archiveFolder, policy },
    {},
    { ...access, view, onRoute },
  )
  const without = await startApp(
    t,
    {
      config: folder.without,
      archiveFolder: folder.withoutFolder,
      allowedRoots: [archiveFolder],
      policy,
    },
    {},
    { ...access, state: new LazyState(folder.state) },
  )
  await Promise.all([whole.depot.check(), without.depot.check()])
  const cases = routes
    .filter(([method]) => method !== 'HEAD' && method !== 'OPTIONS')
    .flatMap(([method, url]) => casesFor(method, url, folder))
  return { folder, callers, whole: whole.app, without: without.app, cases, routes }
}

/** Headers and methods under which a case is asked. */
const VARIANTS = [
  { name: 'as a program', headers: {} },
  { name: 'as a browser', headers: { accept: 'text/html' } },
  { name: 'a range', headers: { range: 'bytes=0-9' } },
  { name: 'with a condition', headers: { 'if-none-match': '*' } },
] as const

type Servers = Awaited<ReturnType<typeof twoServers>>

/** Cases that the two servers answer differently for a caller. */
async function differences(
  { whole, without, callers }: Servers,
  cases: readonly Case[],
  caller: keyof Servers['callers'],
) {
  const found: string[] = []
  // The other variants make the same look-ups: two callers are enough for them.
  const variants = caller === 'none' || caller === 'other study' ? VARIANTS : VARIANTS.slice(0, 1)
  for (const { route, request } of cases) {
    for (const { name, headers } of variants) {
      const a = await ask(whole, request, callers[caller], headers)
      const b = await ask(without, request, callers[caller], headers)
      if (JSON.stringify(a) !== JSON.stringify(b)) {
        found.push(
          `${route} ${String(request.url)} ${name}: ${JSON.stringify(a).slice(0, 300)} instead of ${JSON.stringify(b).slice(0, 300)}`,
        )
      }
    }
    if (request.method === undefined) {
      const head = { ...request, method: 'HEAD' as const }
      const [a, b] = [
        await ask(whole, head, callers[caller]),
        await ask(without, head, callers[caller]),
      ]
      if (JSON.stringify(a) !== JSON.stringify(b)) found.push(`HEAD ${String(request.url)}`)
    }
  }
  return found
}

t.test('what is hidden is answered as what was never there, on every route', async t => {
  const servers = await twoServers(t)
  t.ok(
    servers.cases.length > 300,
    `${servers.cases.length} requests over ${servers.routes.length} routes`,
  )
  t.ok(servers.cases.filter(({ hidden }) => hidden).length > 100)
  // The administration is open to an admin, and its answers change with each request.
  const others = servers.cases.filter(({ route }) => !route.includes('/admin/'))
  for (const caller of OUTSIDERS) {
    const cases = caller === 'denied study' ? others : servers.cases
    t.same(await differences(servers, cases, caller), [], caller)
  }
})

t.test('who may see it, sees it on every route', async t => {
  const { cases, whole, without, callers } = await twoServers(t)
  const routesWithHidden = new Set(cases.filter(({ hidden }) => hidden).map(({ route }) => route))
  for (const caller of INSIDERS) {
    for (const route of routesWithHidden) {
      const own = cases.filter(it => it.route === route && it.hidden)
      let shown = 0
      for (const { request } of own) {
        const a = await ask(whole, request, callers[caller])
        const b = await ask(without, request, callers[caller])
        if (a.status === 200 && a.body !== b.body) shown += 1
      }
      t.ok(shown > 0, `${caller}: ${route} shows ${shown} of ${own.length}`)
    }
    for (const url of LISTS_MORE) {
      const [a, b] = [
        await ask(whole, { url }, callers[caller]),
        await ask(without, { url }, callers[caller]),
      ]
      t.equal(a.status, 200)
      t.not(a.body, b.body, `${caller}: ${url} lists more`)
    }
  }
})

t.test('with the filter off the matrix finds leaks on every route that can leak', async t => {
  const everything = new Rights(['admin'])
  const shared = sharedViews()
  const servers = await twoServers(t, generation => shared(generation, everything))
  const found = await differences(servers, servers.cases, 'wrong')
  const leaking = new Set(servers.cases.filter(({ hidden }) => hidden).map(({ route }) => route))
  for (const route of leaking) {
    t.ok(
      found.some(it => it.startsWith(`${route} `)),
      route,
    )
  }
  for (const url of LISTS_MORE)
    t.ok(
      found.some(it => it.startsWith(`GET ${url} `)),
      url,
    )
})

t.test('a route that nobody has thought of fails the matrix', async t => {
  const folder = await controlledFolder(t)
  t.throws(() => casesFor('GET', '/new/list', folder), /no case for GET/)
  t.throws(() => casesFor('GET', '/new/:study', folder), /no case for the placeholder/)
  t.throws(() => casesFor('PUT', '/uploads/:digest', folder), /no case for PUT/)
})
