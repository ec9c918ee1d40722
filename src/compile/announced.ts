import { looksLike6 } from '../lib/ip6.ts'
import { byNumber } from '../lib/networks.ts'
import type { Firewall, Ingress, LoadBalancer, OwnAddress, Stack } from '../stack/stack.ts'
import { byName } from './appliances.ts'
import { type Family, type LaidSegment, type Layout, segmentOf } from './layout.ts'

/** A prefix of the stack's own, and the services that are reached in it. */
export type Announced = {
  readonly text: string
  readonly family: Family
  readonly ways: readonly { readonly address: string; readonly service: string; readonly balancer: LoadBalancer }[]
}

/** The firewall that lets clients in to a service. */
export function firewallOf(firewalls: readonly Firewall[], service: string): Firewall | undefined {
  return (
    firewalls.find((firewall) =>
      firewall.rules.some(
        (rule) => rule.verdict === 'allow' && rule.to.some((end) => end.kind === 'balanced' && end.service === service),
      ),
    ) ?? firewalls[0]
  )
}

/** What a firewall announces: IPv4 first, in the order of the prefixes. */
export function announcedBy(stack: Stack, firewall: string): readonly Announced[] {
  const found = new Map<string, Announced>()
  for (const { own, to } of [...byName(stack.ingress)]) {
    const balancer = balancerOf(stack, to)
    if (balancer === undefined || firewallOf(stack.firewalls, to)?.name !== firewall) continue
    for (const { prefix, address } of own) {
      const before = found.get(prefix)?.ways ?? []
      const ways = [...before, { address, service: to, balancer }]
      found.set(prefix, { text: prefix, family: familyOf(prefix), ways })
    }
  }
  return [...found.values()].sort((a, b) => byNumber(a.text, b.text))
}

/** Addresses of the stack's own, the same at every site. */
export function ownAddresses(stack: Stack): readonly (OwnAddress & { readonly name: string; readonly to: string })[] {
  return stack.ingress.flatMap(({ name, to, own }) => own.map((each) => ({ ...each, name, to })))
}

/** The one of a family, where an ingress has it. */
export function ownOf({ own }: Ingress, family: Family): OwnAddress | undefined {
  return own.find(({ prefix }) => familyOf(prefix) === family)
}

/** An IPv6 address of the stack's own, and where packets for it are routed: over IPv6 nothing is translated. */
export type Routed = {
  readonly address: string
  readonly service: string
  readonly balancer: string
  readonly segment: string
}

/** Each once, in the order of the addresses; two services of a load balancer may share one. */
export function routedOf(stack: Stack): readonly Routed[] {
  const found = ownAddresses(stack).flatMap(({ address, to: service }): Routed[] => {
    const balancer = balancerOf(stack, service)
    const segment = balancer?.services.find(({ name }) => name === service)?.listen.segment
    if (familyOf(address) === 4 || balancer === undefined || segment === undefined) return []
    return [{ address, service, balancer: balancer.name, segment }]
  })
  const once = new Map(found.map((each) => [`${each.address} ${each.service}`, each]))
  return [...once.values()].sort((a, b) => byNumber(a.address, b.address) || (a.service < b.service ? -1 : 1))
}

export const familyOf = (text: string): Family => (looksLike6(text) ? 6 : 4)

/** How clients find it: `dns`, `bgp 203.0.113.16/28`, or both. */
export function ingressWords({ dns, own }: Ingress): string {
  return [...(dns ? ['dns'] : []), ...own.map(({ prefix }) => `bgp ${prefix}`)].join(' and ')
}

/** Where a firewall asks a load balancer whether a service is served at all: behind TLS it could not see that. */
export type Watch = {
  readonly service: string
  readonly balancer: string
  readonly firewall: string
  readonly segment: LaidSegment
  readonly port: number
}

/** Each service that is reached in a prefix of the stack's own, once. */
export function watchesOf(layout: Layout): readonly Watch[] {
  const { stack } = layout
  const services = [...new Set(ownAddresses(stack).map(({ to }) => to))].sort()
  return services.flatMap((service) => {
    const balancer = balancerOf(stack, service)
    const firewall = firewallOf(stack.firewalls, service)
    const listening = balancer?.services.find(({ name }) => name === service)?.listen.segment
    if (balancer === undefined || firewall === undefined || listening === undefined) return []
    const segment = segmentOf(layout, listening)
    return [{ service, balancer: balancer.name, firewall: firewall.name, segment, port: watchPort(balancer) }]
  })
}

/** The highest port that no service of it has. */
function watchPort(balancer: LoadBalancer): number {
  const taken = new Set(balancer.services.map(({ listen }) => listen.port))
  let port = 65_179
  while (taken.has(port)) port -= 1
  return port
}

export function balancerOf(stack: Stack, service: string): LoadBalancer | undefined {
  return stack.load_balancers.find(({ services }) => services.some(({ name }) => name === service))
}
