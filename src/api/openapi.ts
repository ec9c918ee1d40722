import { z } from 'zod'
import * as access from './access.ts'
import * as counters from './counters.ts'
import * as differences from './differences.ts'
import { codes, ErrorBody, type ErrorCode } from './errors.ts'
import { StreamEvent } from './events.ts'
import * as ingress from './ingress.ts'
import * as operations from './operations.ts'
import * as peer from './peer.ts'
import * as picture from './picture.ts'
import { type Route, type RouteName, routes } from './routes.ts'
import * as stacks from './stacks.ts'
import * as touchpoints from './touchpoints.ts'
import * as watch from './watch.ts'
import * as words from './words.ts'

type Json = { readonly [name: string]: unknown }
export type OpenApi = {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json }
  readonly tags: readonly Json[]
}

const groups = {
  state: 'What there is: sites, stacks, points, proofs',
  operations: 'Plan, start, follow, take back',
  watch: 'Events, alarms, schedules',
  access: 'Accounts, tokens, the audit log',
} as const

/** The OpenAPI document, made of the schemas that validate: there is nothing in it that the server does not hold to. */
export function openApi(version: string): OpenApi {
  const answers = z.registry<{ id: string }>()
  const requests = z.registry<{ id: string }>()
  const modules = [words, peer, ingress, stacks, picture, counters, differences, touchpoints, operations, access, watch]
  for (const module of modules) {
    for (const [name, value] of Object.entries(module)) if (isSchema(value)) add(answers, value, name)
  }
  add(answers, ErrorBody, 'ErrorBody')
  add(answers, StreamEvent, 'StreamEvent')
  for (const [name, route] of entries()) {
    if (route.answer !== undefined) add(answers, route.answer, `${capital(name)}Answer`)
    if (route.body !== undefined) add(requests, route.body, `${capital(name)}Body`)
  }
  const schemas = { ...schemasOf(answers, 'output'), ...schemasOf(requests, 'input') }
  const paths: Record<string, Record<string, Json>> = {}
  for (const [name, route] of entries()) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(name, route, answers, requests) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lifeboat controller',
      version,
      description:
        'Times are ISO 8601 in UTC; durations and sizes carry their unit in the name; absent means not known.',
    },
    tags: Object.entries(groups).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token, made on the page or by POST /api/v1/tokens.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'lifeboat',
          description: 'With everything but GET also the header x-csrf-token.',
        },
      },
    },
  }
}

type Registry = ReturnType<typeof z.registry<{ id: string }>>

const entries = () => Object.entries(routes) as readonly (readonly [RouteName, Route])[]
const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1)
const isSchema = (value: unknown): value is z.ZodType => value instanceof z.ZodType

function add(registry: Registry, schema: z.ZodType, id: string): void {
  if (!registry.has(schema)) registry.add(schema, { id })
}

const place = (id: string) => `#/components/schemas/${id}`

function schemasOf(registry: Registry, io: 'input' | 'output'): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: place, unrepresentable: 'any' })
  // An id of its own is for documents that stand alone.
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => {
      const { $schema, $id, id: own, ...rest } = schema as Json
      return [id, rest]
    }),
  )
}

function operationOf(name: string, route: Route, answers: Registry, requests: Registry): Json {
  const good = String(route.status ?? 200)
  const media = route.media ?? 'application/json'
  const answer =
    route.answer !== undefined
      ? { [media]: { schema: { $ref: place(idOf(answers, route.answer)) } } }
      : route.media !== undefined
        ? { [media]: { schema: { type: 'string' } } }
        : undefined
  return {
    operationId: name,
    summary: route.about,
    tags: [route.group],
    'x-role': route.role,
    security: route.role === 'anyone' ? [] : [{ token: [] }, { session: [] }],
    parameters: [...inOf(route.params, 'path'), ...inOf(route.query, 'query'), ...inOf(route.headers, 'header')],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: place(idOf(requests, route.body)) } } },
          },
        }),
    responses: {
      [good]: { description: route.about, ...(answer === undefined ? {} : { content: answer }) },
      ...Object.fromEntries(errorsOf(route).map((status) => [String(status), problem(status)])),
    },
  }
}

function idOf(registry: Registry, schema: z.ZodType): string {
  const found = registry.get(schema)
  if (found === undefined) throw new Error('a schema of a route has no name')
  return found.id
}

function inOf(object: z.ZodObject | undefined, where: 'path' | 'query' | 'header'): readonly Json[] {
  return Object.entries(object?.shape ?? {}).map(([name, value]) => {
    const { $schema, description, ...schema } = z.toJSONSchema(value as z.ZodType, {
      io: 'output',
      unrepresentable: 'any',
    }) as Json
    const required = where === 'path' || !(value as z.ZodType).safeParse(undefined).success
    return { name, in: where, required, schema, ...(description === undefined ? {} : { description }) }
  })
}

const changing = ['bad-request', 'forbidden', 'conflict', 'too-large', 'bad-type'] as const

/** What a caller has to expect of a route besides a good answer. */
function errorsOf(route: Route): readonly number[] {
  const found = new Set<number>([codes.bug, codes['too-many']])
  if (route.params !== undefined) for (const code of [codes['bad-request'], codes['not-found']]) found.add(code)
  if (route.query !== undefined || route.headers !== undefined) found.add(codes['bad-request'])
  if (route.role !== 'anyone') for (const code of [codes['not-signed-in'], codes.forbidden]) found.add(code)
  if (route.method !== 'GET') for (const code of changing) found.add(codes[code])
  for (const code of route.may ?? []) found.add(codes[code])
  return [...found].sort((a, b) => a - b)
}

function problem(status: number): Json {
  const names = (Object.entries(codes) as [ErrorCode, number][]).filter(([, code]) => code === status)
  return {
    description: names.map(([name]) => name).join(' or '),
    content: { 'application/json': { schema: { $ref: place('ErrorBody') } } },
  }
}
