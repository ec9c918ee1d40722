import { ownOf } from '../compile/announced.ts'
import type { Finding } from '../plan/plan.ts'
import type { Ingress } from '../stack/stack.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * The firewall whose proxy takes clients of an ingress over IPv6; undefined where there is none: its service has no IPv6
 * address, or the ingress has addresses of the stack's own, beside which an address of the site would stay behind.
 */
export function proxyOf(view: SiteView, { to: service, own, dns }: Ingress): string | undefined {
  if (own.length > 0 || !dns) return undefined
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
  return view.site.outside_ipv6 === true && mayHaveAaaa(view, entry)
}

/** Whether the AAAA record of an ingress is ours to set or to remove. */
export function mayHaveAaaa(view: SiteView, entry: Ingress): boolean {
  return ownOf(entry, 6) !== undefined || proxyOf(view, entry) !== undefined
}

/** What the records of an ingress are to hold: addresses of its own, or what the site gives to the firewall. */
export function recordsOf(
  view: SiteView,
  entry: Ingress,
): { readonly address?: string; readonly ipv6?: true | string } {
  if (entry.own.length === 0) return proxyOf(view, entry) === undefined ? {} : { ipv6: true }
  const [own4, own6] = [ownOf(entry, 4), ownOf(entry, 6)]
  return { address: own4?.address ?? 'none', ...(own6 === undefined ? {} : { ipv6: own6.address }) }
}

/** Seconds that a launch waits for an IPv6 address of the outside leg after the other is there: routers answer at once. */
export const ADVERTISED_WITHIN_S = 4
/** Where something of the stack cannot be without one. */
export const NEEDED_WITHIN_S = 20

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
