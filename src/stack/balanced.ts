import type { BalancedServiceFile, RouteFile } from './schema-balancer.ts'
import type { BalancedService, HeaderRules, Target } from './stack.ts'

/** A service of a load balancer, resolved. What a route does not say is as its service says it. */
export function balanced(name: string, service: BalancedServiceFile): BalancedService {
  const { listen, mode, tls = [], routes, limits, headers, raw } = service
  return {
    name,
    listen,
    mode,
    tls,
    routes: routes.map((route) => ({
      hosts: (route.host ?? []).map((host) => host.toLowerCase()),
      paths: (route.path ?? []).map(withoutSlash),
      target: targetOf(route, service),
    })),
    target: targetOf(service, service),
    limits: {
      connections: limits?.connections,
      connections_per_client: limits?.connections_per_client,
      connections_per_server: limits?.connections_per_server,
      requests_per_client: limits?.requests_per_client,
    },
    headers: { request: headerRules(headers?.request), response: headerRules(headers?.response) },
    raw: { frontend: linesOf(raw?.frontend), backend: linesOf(raw?.backend) },
  }
}

/** @throws Error where `check-balanced.ts` would have found neither pool nor redirect. */
function targetOf(own: RouteFile | BalancedServiceFile, service: BalancedServiceFile): Target {
  if (own.redirect !== undefined) return { do: 'redirect', redirect: own.redirect }
  if (own.pool === undefined) throw new Error('a service without pool and redirect is a problem')
  const { balance, sticky, check } = { ...withDefaults(service), ...defined(own) }
  return {
    do: 'pass',
    pool: { ...own.pool, backups: own.backup ?? [], balance, sticky, check },
  }
}

function withDefaults({ mode, balance, sticky, check }: BalancedServiceFile) {
  const usual = mode === 'http' ? ('round-robin' as const) : ('least-connections' as const)
  return { balance: balance ?? usual, sticky, check: check ?? { by: 'tcp' as const } }
}

function defined({ balance, sticky, check }: RouteFile | BalancedServiceFile) {
  return {
    ...(balance === undefined ? {} : { balance }),
    ...(sticky === undefined ? {} : { sticky }),
    ...(check === undefined ? {} : { check }),
  }
}

/** `/api/` and `/api` are the same, and `/` is everything. */
function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

type HeadersFile = NonNullable<NonNullable<BalancedServiceFile['headers']>['request']>

function headerRules(file: HeadersFile | undefined): HeaderRules {
  return {
    set: Object.entries(file?.set ?? {}).map(([name, value]) => ({ name, value })),
    remove: file?.remove ?? [],
  }
}

/** Without what is empty and without comments. */
export function linesOf(text: string | undefined): readonly string[] {
  const lines = (text ?? '').split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}
