import type { PhysicalCount } from '../plan/plan.ts'
import type { Stack } from '../stack/stack.ts'
import { type Assumptions, usualAssumptions } from './assumptions.ts'

/**
 * What a move of a stack would touch where its segments are VLANs, its firewalls and NAT boxes are contexts of physical
 * firewalls, and its load balancers are contexts of physical load balancers. One touch is one thing that somebody has to
 * configure on one device (or on one cluster of devices that keep their configuration equal by themselves).
 */
export type Physical = {
  readonly assumptions: Assumptions
  readonly touches: readonly PhysicalTouch[]
  /** Devices, or clusters that are configured as one, at both sites. */
  readonly devices: number
}

export type PhysicalTouch = {
  readonly at: 'new site' | 'old site'
  readonly device: string
  /** Of the stack: `segment web`, `firewall fw`, `load balancer lb`, `NAT nat`. */
  readonly of: string
  readonly what: string
}

export function physicalMove(stack: Stack, assumptions: Assumptions = usualAssumptions): Physical {
  const touches = [
    ...(assumptions.vlans_ready ? [] : vlans(stack, assumptions, 'new site', 'VLAN, and its place on the trunks')),
    ...(assumptions.clean_up ? vlans(stack, assumptions, 'old site', 'VLAN taken off the trunks and removed') : []),
    ...stack.firewalls.flatMap((firewall) => [
      ...context(assumptions.firewalls, 'firewall', `firewall ${firewall.name}`, [
        'context',
        'outside interface and address',
        ...firewall.inside.map((segment) => `interface and gateway address of segment ${segment}`),
        `rules: ${firewall.rules.length}`,
        'address translation of what clients reach',
        'route to its outside address',
      ]),
      ...shut(assumptions.firewalls, 'firewall', `firewall ${firewall.name}`, [
        'outside interface shut',
        ...firewall.inside.map((segment) => `gateway of segment ${segment} shut`),
        'route to its outside address withdrawn',
      ]),
    ]),
    ...stack.nats.flatMap((nat) => [
      ...context(assumptions.firewalls, 'firewall', `NAT ${nat.name}`, [
        'outside interface and address',
        ...nat.inside.map((segment) => `interface of segment ${segment}`),
        ...nat.internet.map((service) => `translation and rule for ${service.name} in the Internet`),
        ...nat.reaches.map((service) => `translation and rule for ${service}, to where it is at that site`),
      ]),
      ...shut(assumptions.firewalls, 'firewall', `NAT ${nat.name}`, ['outside interface shut']),
    ]),
    ...stack.load_balancers.flatMap((balancer) => [
      ...context(assumptions.load_balancers, 'load balancer', `load balancer ${balancer.name}`, [
        'context',
        ...[...new Set(balancer.services.map((service) => service.listen.segment))].map(
          (segment) => `interface of segment ${segment}`,
        ),
        ...balancer.services.flatMap((service) => [
          `virtual server ${service.name}`,
          `pool and health check of ${service.name}`,
          ...service.tls.map((name) => `certificate ${name} of ${service.name}`),
          ...service.routes.map((_, index) => `route ${index + 1} of ${service.name}, with its pool`),
        ]),
      ]),
      ...shut(assumptions.load_balancers, 'load balancer', `load balancer ${balancer.name}`, [
        'virtual servers disabled',
      ]),
    ]),
  ]
  return { assumptions, touches, devices: devicesOf(touches) }
}

/** The sum for a report: a launch leaves the old site as it is, as nobody may be able to reach it. */
export function physicalCount(stack: Stack, how: 'moves' | 'comes'): PhysicalCount {
  const { touches } = physicalMove(stack)
  const counted = how === 'moves' ? touches : touches.filter((each) => each.at === 'new site')
  return { touches: counted.length, devices: devicesOf(counted) }
}

const devicesOf = (touches: readonly PhysicalTouch[]): number =>
  new Set(touches.map((each) => `${each.at} ${each.device}`)).size

/** Every segment is a VLAN of its own on every switch between its machines and its gateway. */
function vlans(stack: Stack, assumed: Assumptions, at: PhysicalTouch['at'], what: string): readonly PhysicalTouch[] {
  const switches = [
    ...counted(assumed.access_pairs, assumed.switches_per_pair, 'access'),
    ...counted(assumed.core_pairs, assumed.switches_per_pair, 'core'),
  ]
  return stack.segments.flatMap((segment) =>
    switches.map((device) => ({ at, device, of: `segment ${segment.name}`, what })),
  )
}

function counted(pairs: number, each: number, kind: string): readonly string[] {
  return Array.from({ length: pairs }, (_, pair) =>
    Array.from({ length: each }, (_, index) =>
      each === 1 ? `${kind} pair ${pair + 1}` : `${kind} pair ${pair + 1} switch ${index + 1}`,
    ),
  ).flat()
}

const context = (devices: number, kind: string, of: string, what: readonly string[]) =>
  onEach(devices, 'new site', kind, of, what)
const shut = (devices: number, kind: string, of: string, what: readonly string[]) =>
  onEach(devices, 'old site', kind, of, what)

function onEach(
  devices: number,
  at: PhysicalTouch['at'],
  kind: string,
  of: string,
  what: readonly string[],
): readonly PhysicalTouch[] {
  return Array.from({ length: devices }, (_, index) => (devices === 1 ? kind : `${kind} ${index + 1}`)).flatMap(
    (device) => what.map((each) => ({ at, device, of, what: each })),
  )
}
