import type { Finding } from '../plan/plan.ts'
import type { Ingress } from '../stack/stack.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * The firewall whose proxy takes clients of an ingress over IPv6; undefined where it is IPv4 alone: its service has no IPv6
 * address, or the ingress is an IPv4 address of the stack's own, beside which an address of the site would stay behind.
 */
export function proxyOf(view: SiteView, { to: service, own, dns }: Ingress): string | undefined {
  if (own !== undefined || !dns) return undefined
  const inside = new Set(view.compiled.segments.flatMap(({ ipv6 }) => ipv6?.prefix ?? []))
  const found = view.compiled.flows6.find(
    ({ from, to, protocol }) =>
      to === `service:${service}` &&
      protocol === 'tcp' &&
      (from === 'anyone' || from.includes('/')) &&
      !inside.has(from),
  )
  return found?.by
}

/** Clients come over IPv6 where the stack lets them in by it and the site's outside network has it. */
export function comesOver6(view: SiteView, entry: Ingress): boolean {
  return view.site.outside_ipv6 === true && proxyOf(view, entry) !== undefined
}

/** Seconds that a launch waits for an IPv6 address of the outside leg after the other is there: routers answer at once. */
export const ADVERTISED_WITHIN_S = 4

/** Where IPv6 ends, in words: there is no address of the stack that a site routes. */
export function ipv6Findings(situation: Situation, view: SiteView): readonly Finding[] {
  const { site } = view
  return situation.stack.ingress.flatMap((entry): Finding[] => {
    const proxy = proxyOf(view, entry)
    if (proxy === undefined) return []
    const what =
      site.outside_ipv6 === true
        ? `IPv6 of ${entry.name} ends at the proxy of ${proxy}: ${site.name} routes no prefix to the stack`
        : `${site.name} gives no IPv6 outside: ${entry.name} has no AAAA record there, clients come over IPv4`
    return [{ level: 'note', what, hint: undefined, needs: undefined }]
  })
}
