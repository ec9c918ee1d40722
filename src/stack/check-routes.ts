import { isFullName, isName } from './forms.ts'
import { clip } from './problems-of-schema.ts'
import type { BalancedServiceFile, RouteFile } from './schema-balancer.ts'
import type { Path } from './source.ts'
import type { Report } from './view.ts'

/** Routes match something that no route before them has taken, and redirects lead elsewhere. */
export function checkRoutes(service: BalancedServiceFile, at: Path, report: Report): void {
  for (const [index, route] of service.routes.entries()) {
    const here = [...at, 'routes', index]
    if (route.host === undefined && route.path === undefined)
      report('error', here, 'a route without "host" and "path"', 'every request: say so at the service itself')
    const good = checkWords(route, here, report)
    const before = service.routes.slice(0, index).findIndex((each) => takesAll(each, route))
    if (good && before !== -1)
      report(
        'error',
        here,
        `a route can never match: route ${before + 1} takes all of it`,
        'put it before that one, or remove it',
      )
    checkLoop(service, route, here, report)
  }
  checkLoop(service, service, at, report)
}

function checkWords(route: RouteFile, at: Path, report: Report): boolean {
  let good = true
  for (const [index, host] of (route.host ?? []).entries()) {
    const name = host.toLowerCase().replace(/^\*\./, '')
    if (isFullName(name) || isName(name)) continue
    report(
      'error',
      [...at, 'host', index],
      `"${clip(host)}" is not a host`,
      'such as admin.example.com, or *.example.com; no port',
    )
    good = false
  }
  for (const [index, path] of (route.path ?? []).entries()) {
    if (/^\/[^\s?#"'\\]*$/.test(path)) continue
    report(
      'error',
      [...at, 'path', index],
      `"${clip(path)}" is not a path`,
      'such as /api, which is /api and all below it',
    )
    good = false
  }
  return good
}

function takesAll(earlier: RouteFile, later: RouteFile): boolean {
  const hosts =
    earlier.host === undefined || later.host?.every((host) => earlier.host?.some((each) => isOrHolds(each, host)))
  const paths =
    earlier.path === undefined || later.path?.every((path) => earlier.path?.some((each) => isBelow(each, path)))
  return hosts === true && paths === true
}

function isOrHolds(outer: string, inner: string): boolean {
  const [a, b] = [outer.toLowerCase(), inner.toLowerCase()]
  return a === b || (a.startsWith('*.') && b.replace(/^\*/, '').endsWith(a.slice(1)))
}

function isBelow(outer: string, inner: string): boolean {
  const base = outer.replace(/\/+$/, '')
  return inner === outer || `${inner.replace(/\/+$/, '')}/`.startsWith(`${base}/`)
}

/** A request that was sent elsewhere must not come back to the same rule. */
function checkLoop(
  service: BalancedServiceFile,
  target: RouteFile | BalancedServiceFile,
  at: Path,
  report: Report,
): void {
  if (target.redirect?.to !== 'https' || service.tls === undefined) return
  const hint = 'put it at the service that listens without `tls`'
  report('error', [...at, 'redirect'], 'clients come by https already: this leads to itself', hint)
}
