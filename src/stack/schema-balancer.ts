import { z } from 'zod'
import * as forms from './forms.ts'
import { fields, form, list, names, oneOrMore, text } from './schema-parts.ts'

/** Where requests go: to a pool, or back to the client with another address. A route takes these from its service. */
const target = {
  pool: form(forms.pool).optional().describe('`MACHINE:PORT` that it passes connections to.'),
  backup: oneOrMore(form(forms.pool)).optional().describe('`MACHINE:PORT` used while nobody of the pool is good.'),
  balance: z
    .enum(['round-robin', 'least-connections', 'source', 'first'])
    .optional()
    .describe('Who of the pool is next; round-robin for http, least-connections for tcp.'),
  sticky: form(forms.sticky).optional().describe('`cookie`: a client stays with the server that it got first.'),
  check: form(forms.balancerCheck)
    .optional()
    .describe(
      '`GET /PATH`, `HEAD /PATH`, with `is STATUS`; `tcp`, `postgres`, `postgres-primary`, `mysql`, `redis`, `redis-primary`, `ldap`.',
    ),
  redirect: form(forms.redirect).optional().describe('`https`, or a URL; instead of a pool.'),
}

const Route = fields({
  host: oneOrMore(text('a host', 'admin.example.com')).optional().describe('Hosts, `*.example.com` too.'),
  path: oneOrMore(text('a path', '/api')).optional().describe('The path, and all below it.'),
  ...target,
})

const headers = () =>
  fields({
    set: names(text('a value', 'nosniff')).default({}).describe('Header: value; replaces what is there.'),
    remove: list(text('a header', 'Server')).default([]),
  }).optional()

const most = (what: string) => z.int().min(1).max(8192).optional().describe(what)

export const BalancedService = fields({
  listen: form(forms.listen).describe('`SEGMENT:PORT` where the load balancer listens.'),
  ...target,
  mode: z.enum(['http', 'tcp']).default('http').describe('What it understands of what it passes on.'),
  tls: oneOrMore(text('a secret', 'shop-tls'))
    .optional()
    .describe(
      'Secrets that hold certificate and key, chosen by the name that a client asks for; the first is for all others.',
    ),
  routes: list(Route).default([]).describe('Where requests for some hosts and paths go: the first that matches.'),
  headers: fields({
    request: headers().describe('Of requests, as servers see them.'),
    response: headers().describe('Of responses, as clients see them.'),
  }).optional(),
  limits: fields({
    connections: most('At once; further ones wait.'),
    connections_per_client: most('At once from one address; further ones are refused.'),
    connections_per_server: most('At once to each server; further ones wait.'),
    requests_per_client: form(forms.rate)
      .optional()
      .describe('`20/s` from one address; further ones are answered 429.'),
  }).optional(),
  raw: fields({
    frontend: text('lines of HAProxy', 'option http-buffer-request').optional(),
    backend: text('lines of HAProxy', 'option http-server-close').optional(),
  })
    .optional()
    .describe('Lines of HAProxy, as the last resort: nobody checks what they mean, and every report says so.'),
})

export type BalancedServiceFile = z.infer<typeof BalancedService>
export type RouteFile = z.infer<typeof Route>
