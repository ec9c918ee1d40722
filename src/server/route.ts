import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Me } from '../api/access.ts'
import type { Route, RouteName, Routes } from '../api/routes.ts'

/** What a handler is called with: everything is validated by the route before. */
export type Call<R extends Route> = {
  readonly params: Out<R['params']>
  readonly query: Out<R['query']>
  readonly headers: Out<R['headers']>
  readonly body: Out<R['body']>
  /** Who calls; only routes for anyone are called without. */
  readonly me: R['role'] extends 'anyone' ? Me | undefined : Me
  /** `user` or `user (token NAME)`: for journals and the audit log. */
  readonly who: string
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** One handler for every route; the compiler sees to it that none is missing. */
export type Handlers = {
  readonly [Name in RouteName]: (call: Call<Routes[Name]>) => Answer<Routes[Name]> | Promise<Answer<Routes[Name]>>
}

type Out<T> = T extends z.ZodType ? z.output<T> : undefined
/** Streams, redirects and empty answers are written by the handler. */
type Answer<R extends Route> = R extends { readonly answer: infer T extends z.ZodType } ? Loose<z.input<T>> : unknown
/** The core's values are read-only. */
type Loose<T> = T extends readonly (infer U)[]
  ? readonly Loose<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Loose<T[K]> }
    : T
