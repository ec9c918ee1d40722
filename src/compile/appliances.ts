import type { Firewall, LoadBalancer, Nat, Stack } from '../stack/stack.ts'
import { membersOf, poolsOf } from './pools.ts'

/** An appliance with the segments in which it has a leg. */
export type PlacedAppliance = { readonly name: string; readonly segments: readonly string[] } & (
  | { readonly role: 'load-balancer'; readonly load_balancer: LoadBalancer }
  | { readonly role: 'firewall'; readonly firewall: Firewall }
  | { readonly role: 'nat'; readonly nat: Nat }
)

/**
 * Load balancers, firewalls, NAT boxes, each by name. The order decides who is the anchor of a segment (the first one
 * with a leg there) and who gets its lowest addresses.
 */
export function appliancesOf(stack: Stack): readonly PlacedAppliance[] {
  return [
    ...byName(stack.load_balancers).map((load_balancer) => ({
      role: 'load-balancer' as const,
      name: load_balancer.name,
      segments: balancerSegments(stack, load_balancer),
      load_balancer,
    })),
    ...byName(stack.firewalls).map((firewall) => ({
      role: 'firewall' as const,
      name: firewall.name,
      segments: [...firewall.inside].sort(),
      firewall,
    })),
    ...byName(stack.nats).map((nat) => ({
      role: 'nat' as const,
      name: nat.name,
      segments: [...nat.inside].sort(),
      nat,
    })),
  ]
}

export function byName<T extends { readonly name: string }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Where it listens and where its pools are. */
function balancerSegments(stack: Stack, balancer: LoadBalancer): string[] {
  const listening = balancer.services.map((service) => service.listen.segment)
  const pools = balancer.services
    .flatMap(poolsOf)
    .flatMap(({ pool }) => membersOf(pool))
    .map(({ machine }) => groupOf(stack, machine).segment)
  return [...new Set([...listening, ...pools])].sort()
}

export function groupOf(stack: Stack, name: string): Stack['machines'][number] {
  const group = stack.machines.find((candidate) => candidate.name === name)
  if (group === undefined) throw new Error(`stack ${stack.name} has no machine group "${name}"`)
  return group
}
