import type { z } from 'zod'
import type { ErrorBody } from '../../../src/api/errors.ts'
import type { Routes } from '../../../src/api/routes.ts'
import { type PathName, paths } from './paths.ts'

export type Answer<N extends PathName> = Routes[N] extends { readonly answer: infer S extends z.ZodType }
  ? z.output<S>
  : undefined
type Body<N extends PathName> = Routes[N] extends { readonly body: infer S extends z.ZodType } ? z.input<S> : undefined

export type CallOptions<N extends PathName> = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: Body<N>
  readonly headers?: Readonly<Record<string, string>>
  readonly limit_ms?: number
}

/** What the controller said no with, or that it did not say anything. `status` is 0 where there was no answer. */
export class CallError extends Error {
  readonly status: number
  readonly body: ErrorBody | undefined
  constructor(status: number, what: string, body?: ErrorBody) {
    super(what)
    this.name = 'CallError'
    this.status = status
    this.body = body
  }
}

/** How long an answer may take before the page says that there is none. */
export const limit_ms = 15_000
/** Planning looks at both sites, and waits for one that does not answer. */
export const plan_limit_ms = 30_000

let csrf: string | undefined
/** The controller hands it out with the session; without it nothing is changed. */
export function rememberCsrf(value: string | undefined): void {
  csrf = value
}

export async function call<N extends PathName>(name: N, options: CallOptions<N> = {}): Promise<Answer<N>> {
  const [method, path] = paths[name]
  const address = path.replace(/:([a-z]+)/g, (_, key: string) => encodeURIComponent(options.params?.[key] ?? ''))
  const query = new URLSearchParams(
    Object.entries(options.query ?? {}).flatMap(([key, value]): [string, string][] =>
      value === undefined ? [] : [[key, String(value)]],
    ),
  )
  const limit = options.limit_ms ?? limit_ms
  const answered = await fetch(query.size === 0 ? address : `${address}?${query}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'GET' || csrf === undefined ? {} : { 'x-csrf-token': csrf }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    signal: AbortSignal.timeout(limit),
  }).catch((error: unknown) => {
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    throw new CallError(
      0,
      late ? `the controller did not answer within ${limit / 1000} s` : 'the controller does not answer',
    )
  })
  if (answered.status === 204) return undefined as Answer<N>
  const text = await answered.text()
  if (!answered.ok) {
    const body = parse(text) as ErrorBody | undefined
    throw new CallError(answered.status, body?.what ?? `the controller answered ${answered.status}`, body)
  }
  return parse(text) as Answer<N>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
