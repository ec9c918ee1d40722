import { type Prefix, prefix } from '../lib/ip.ts'
import type { Firewall, Ingress, LoadBalancer, OwnAddress, Stack } from '../stack/stack.ts'
import { byName } from './appliances.ts'
import { type LaidSegment, type Layout, segmentOf } from './layout.ts'

/** A prefix of the stack's own, and the services that are reached in it. */
export type Announced = {
  readonly prefix: Prefix
  readonly text: string
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

/** What a firewall announces, in the order of the prefixes. */
export function announcedBy(stack: Stack, firewall: string): readonly Announced[] {
  const found = new Map<string, Announced>()
  for (const { own, to } of [...byName(stack.ingress)]) {
    const balancer = balancerOf(stack, to)
    if (own === undefined || balancer === undefined || firewallOf(stack.firewalls, to)?.name !== firewall) continue
    const before = found.get(own.prefix)?.ways ?? []
    const ways = [...before, { address: own.address, service: to, balancer }]
    found.set(own.prefix, { prefix: prefix(own.prefix), text: own.prefix, ways })
  }
  return [...found.values()].sort((a, b) => a.prefix.network - b.prefix.network)
}

/** Ingress with an address of its own, the same at every site. */
export function ownAddresses(stack: Stack): readonly (OwnAddress & { readonly name: string; readonly to: string })[] {
  return stack.ingress.flatMap(({ name, to, own }) => (own === undefined ? [] : [{ ...own, name, to }]))
}

/** How clients find it: `dns`, `bgp 203.0.113.16/28`, or both. */
export function ingressWords({ dns, own }: Ingress): string {
  return [...(dns ? ['dns'] : []), ...(own === undefined ? [] : [`bgp ${own.prefix}`])].join(' and ')
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

function balancerOf(stack: Stack, service: string): LoadBalancer | undefined {
  return stack.load_balancers.find(({ services }) => services.some(({ name }) => name === service))
}
