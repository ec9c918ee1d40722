import { Validator } from '@seriousme/openapi-schema-validator'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OpenApi, openApi } from '../../src/api/openapi.ts'
import { type Route, type RouteName, routes } from '../../src/api/routes.ts'
import { type Role, reaches, roles } from '../../src/api/words.ts'
import { type Answer, type Stage, stage } from './stage.ts'

/**
 * Every route with all that a caller may send, by every role: each answer is one that the document names, none is a bug, and
 * none goes beyond the role. Tokens, so that no session stands between a request and its route.
 */
let on: Stage
const tokens = new Map<Role, string>()
beforeAll(async () => {
  on = await stage()
  for (const role of roles) {
    const caller = await on.as(role)
    tokens.set(role, (await caller.post('/tokens', { name: 'fuzz', role })).body.token as string)
  }
})
afterAll(() => on.close())

const document: OpenApi = openApi('test')
const names = Object.keys(routes) as readonly RouteName[]
const seed = Number(process.env.LIFEBOAT_SEED ?? 20_131_122)

test('the document is OpenAPI 3.1', async () => {
  const found = await new Validator().validate(JSON.parse(JSON.stringify(document)))
  expect(found.errors).toBeUndefined()
  expect(found.valid).toBe(true)
})

test('it is served, and readable without a script or anything from elsewhere', async () => {
  const served = await on.caller().get('/api/openapi.json')
  expect(served.body).toEqual(JSON.parse(JSON.stringify(document)))
  const page = (await on.caller().get('/api/docs')).body.text as string
  for (const path of Object.keys(document.paths)) expect(page).toContain(path)
  expect(page).not.toMatch(/<script|style="|https?:\/\//)
})

test('every route of the table is answered by the controller', async () => {
  const unanswered = names.filter(
    (name) => !on.serving.app.hasRoute({ method: routes[name].method, url: routes[name].path }),
  )
  expect(unanswered).toEqual([])
})

describe.each(names)('%s', (name) => {
  const route: Route = routes[name]
  const documented = Object.keys(
    (document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]?.responses ?? {}) as object,
  ).map(Number)

  test('is for its roles and for nobody else', async () => {
    if (route.role === 'anyone') return
    expect((await call(route, place(route), undefined, undefined)).status).toBe(401)
    for (const role of roles) {
      if (reaches(role, route.role)) continue
      const answer = await call(route, place(route), role, undefined)
      expect(answer, `${role} at ${route.method} ${route.path}`).toMatchObject({
        status: 403,
        body: { error: 'forbidden' },
      })
    }
  })

  test('answers as the document says, whatever it is sent', async () => {
    await fc.assert(
      fc.asyncProperty(anything(route), fc.constantFrom(undefined, ...roles), async ({ path, body, type }, role) => {
        const answer = await call(route, path, role, body, type)
        expect(
          documented.concat(404),
          `${route.method} ${path} ${answer.status} ${JSON.stringify(answer.body)}`,
        ).toContain(answer.status)
        expect(answer.status, JSON.stringify(answer.body)).not.toBe(500)
        if (answer.status < 300 && route.answer !== undefined) route.answer.parse(answer.body)
        if (answer.status >= 400)
          expect(answer.body).toMatchObject({ what: expect.any(String), error: expect.any(String) })
        if (role !== undefined && route.role !== 'anyone' && !reaches(role, route.role))
          expect([401, 403, 404]).toContain(answer.status)
      }),
      { seed, numRuns: 25 },
    )
  })
})

test('a verb needs its role also where the route needs less', async () => {
  const verbs = [
    { verb: 'failover', stack: 'shop', confirm: 'shop' },
    { verb: 'move', stack: 'shop', confirm: 'shop' },
    { verb: 'failback', stack: 'shop', confirm: 'shop' },
    { verb: 'drill', stack: 'shop', promote: true, confirm: 'shop' },
    { verb: 'guard', stack: 'shop' },
    { verb: 'reprotect', stack: 'shop' },
    { verb: 'destroy', stack: 'shop', confirm: 'shop' },
    { verb: 'deploy', file: 'shop/stack.yaml' },
  ]
  for (const body of verbs) {
    const answer = await call(routes.start, '/api/v1/operations', 'operator', JSON.stringify(body))
    expect(answer, body.verb).toMatchObject({ status: 403, body: { error: 'forbidden' } })
  }
  const destroy = JSON.stringify({ verb: 'destroy', stack: 'shop', confirm: 'shop' })
  expect((await call(routes.start, '/api/v1/operations', 'commander', destroy)).status).toBe(403)
})

test('nothing was started by all that', async () => {
  const found = await call(routes.operations, '/api/v1/operations', 'viewer', undefined)
  const verbs = (found.body as unknown as { verb: string }[]).map((each) => each.verb)
  expect(verbs.filter((verb) => !['deploy', 'replicate', 'drill'].includes(verb))).toEqual([])
})

/** Stands for a body of more than a megabyte. */
const too_large = 'too large'

/** A path with values that could be right. */
function place(route: Route): string {
  return route.path
    .replace(':stack', 'shop')
    .replace(':operation', '20260101T000000-drill-shop-0000')
    .replace(/:\w+/, 'nobody')
}

type Sent = { readonly path: string; readonly body: string | undefined; readonly type: string | undefined }

function anything(route: Route): fc.Arbitrary<Sent> {
  const word = fc.oneof(
    fc.constantFrom(
      'shop',
      'root',
      '..',
      '%2e%2e%2f',
      'a'.repeat(250),
      '0',
      'null',
      '__proto__',
      'constructor',
      "' OR 1=1 --",
    ),
    fc.string({ maxLength: 40 }).map(encodeURIComponent),
  )
  const path = fc
    .tuple(word, fc.option(fc.tuple(fc.constantFrom('x', 'stack', ...Object.keys(route.query?.shape ?? {})), word)))
    .map(
      ([value, query]) =>
        route.path.replace(/:\w+/, value === '' ? 'x' : value) + (query === null ? '' : `?${query[0]}=${query[1]}`),
    )
  const text = fc.oneof(
    { weight: 6, arbitrary: nearly(route).map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.json() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        'null',
        '[]',
        '"x"',
        '{"a":1,"a":2}',
        '{"__proto__":{"role":"admin"}}',
        '[['.repeat(50),
      ),
    },
    { weight: 1, arbitrary: fc.constant(too_large) },
  )
  const body = route.method === 'GET' ? fc.constant(undefined) : fc.option(text, { nil: undefined })
  const type = fc.oneof(
    { weight: 8, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16'),
    },
  )
  return fc.record({ path, body, type })
}

/** Members that routes know, with values of the right kind and of others. */
function nearly(route: Route): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    fc.constantFrom('shop', 'nosuch', 'east', 'viewer', 'admin', 'look', 'p20260101-000000-000', '', 'x'.repeat(300)),
    fc.constantFrom(0, -1, 1e21, true, null),
    fc.array(fc.constantFrom('east', 'x', 1), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), { maxKeys: 3 }),
  )
  const keys = [
    'stack',
    'point',
    'down',
    'to',
    'keep',
    'user',
    'role',
    'password',
    'old',
    'name',
    'days',
    'link',
    'file',
    'remove',
    'promote',
    'gone',
    'confirm',
    'acknowledged',
    'do',
    'epoch',
    'site',
  ]
  const verb = fc.constantFrom(
    'deploy',
    'replicate',
    'drill',
    'move',
    'failover',
    'failback',
    'guard',
    'rescue',
    'destroy',
    'nosuch',
    1,
  )
  const some = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 5 })
  return route.path.endsWith('/operations') || route.path.endsWith('/plans')
    ? fc.tuple(verb, some).map(([first, rest]) => ({ verb: first, ...rest }))
    : some
}

async function call(
  route: Route,
  path: string,
  role: Role | undefined,
  body: string | undefined,
  type = 'application/json',
): Promise<Answer> {
  const headers: Record<string, string> = role === undefined ? {} : { authorization: `Bearer ${tokens.get(role)}` }
  if (body !== undefined) headers['content-type'] = type
  const sent = body === too_large ? JSON.stringify({ user: 'a'.repeat(1_100_000) }) : body
  if (route.media === 'text/event-stream') return head(path, headers)
  return on.caller().send(route.method, path, sent, headers)
}

/** Of a stream that never ends, the beginning. */
async function head(path: string, headers: Record<string, string>): Promise<Answer> {
  const stop = new AbortController()
  const answer = await fetch(on.serving.address + path, { headers, signal: stop.signal })
  const body = answer.status === 200 ? {} : ((await answer.json()) as Answer['body'])
  stop.abort()
  return { status: answer.status, headers: answer.headers, body }
}
