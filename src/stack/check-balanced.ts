import { checkHeaders } from './check-headers.ts'
import { checkRaw } from './check-raw.ts'
import { checkRoutes } from './check-routes.ts'
import { clip } from './problems-of-schema.ts'
import type { BalancedServiceFile, RouteFile } from './schema-balancer.ts'
import type { Path } from './source.ts'
import { poolsOf, type Report } from './view.ts'

/** One service of a load balancer in itself: what is said fits together, and none of it is without effect. */
export function checkBalanced(name: string, service: BalancedServiceFile, at: Path, report: Report): void {
  checkTarget(service, at, report)
  for (const [index, route] of service.routes.entries()) checkTarget(route, [...at, 'routes', index], report)
  for (const { pool, at: spot, backup } of poolsOf(service)) {
    const beside = spot.length === 4 ? service.routes[Number(spot[1])]?.pool : service.pool
    if (!backup || pool.machine !== beside?.machine || pool.port !== beside.port) continue
    report('error', [...at, ...spot], `"${clip(pool.machine)}" is its own backup`, 'name other machines')
  }
  checkRoutes(service, at, report)
  checkMode(service, at, report)
  checkBalance(service, at, report)
  checkHeaders(service.headers, [...at, 'headers'], report)
  checkRaw(name, service, [...at, 'raw'], report)
}

function checkTarget(target: RouteFile | BalancedServiceFile, at: Path, report: Report): void {
  const { pool, redirect } = target
  if ((pool === undefined) !== (redirect === undefined)) return
  const what = pool === undefined ? 'neither "pool" nor "redirect"' : 'both "pool" and "redirect"'
  report('error', at, what, 'such as pool: web:80, or redirect: https', pool === undefined ? 'key' : 'value')
}

/** What needs to understand requests. */
function checkMode(service: BalancedServiceFile, at: Path, report: Report): void {
  const { mode, routes, headers, sticky, redirect, limits, check } = service
  if (mode === 'http') {
    const kind = check?.by
    if (kind === undefined || kind === 'http' || kind === 'tcp') return
    report('warning', [...at, 'check'], `a check by ${kind} of servers that speak HTTP`, 'did you mean mode: tcp?')
    return
  }
  const used: [string, boolean, Path][] = [
    ['routes', routes.length > 0, ['routes']],
    ['headers', headers !== undefined, ['headers']],
    ['sticky', sticky !== undefined, ['sticky']],
    ['redirect', redirect !== undefined, ['redirect']],
    ['requests_per_client', limits?.requests_per_client !== undefined, ['limits', 'requests_per_client']],
  ]
  for (const [key, is, spot] of used) {
    if (is)
      report(
        'error',
        [...at, ...spot],
        `"${key}" goes with mode: http`,
        'in mode tcp nothing of a request is understood',
      )
  }
}

function checkBalance(service: BalancedServiceFile, at: Path, report: Report): void {
  if (service.limits?.connections_per_server !== undefined) return
  const places: [RouteFile | BalancedServiceFile, Path][] = [
    [service, at],
    ...service.routes.map((route, index): [RouteFile, Path] => [route, [...at, 'routes', index]]),
  ]
  for (const [{ balance }, spot] of places) {
    if (balance !== 'first') continue
    const what = '"first" uses the second server when the first is full, and none is ever full'
    report('error', [...spot, 'balance'], what, 'add limits: { connections_per_server: 100 }')
  }
}
