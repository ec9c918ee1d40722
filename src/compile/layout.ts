import { formatAddress, type Prefix, prefix } from '../lib/ip.ts'
import { formatAddress6, formatPrefix6, looksLike6, type Prefix6, prefix6, sameDigits } from '../lib/ip6.ts'
import type { Segment, Stack } from '../stack/stack.ts'
import { type Addresses, addressesOf } from './addressing.ts'
import { routedOf } from './announced.ts'
import { byName, type PlacedAppliance } from './appliances.ts'
import type { Leg, SiteFacts } from './compiled.ts'
import { interfaceOf, macsOf } from './interfaces.ts'

/** What every phase after addressing works from. */
export type Layout = {
  readonly stack: Stack
  readonly facts: SiteFacts | undefined
  readonly domain: string
  readonly appliances: readonly PlacedAppliance[]
  /** By name. */
  readonly segments: readonly LaidSegment[]
  readonly addresses: Addresses
  readonly mac: (instance: string, leg: string) => string
}

export type LaidSegment = {
  readonly name: string
  readonly prefix: Prefix
  readonly prefix_text: string
  readonly interface: string
  readonly anchor: string
  readonly anchor_address: string
  readonly gateway: string | undefined
  readonly ipv6: Segment6 | undefined
}

/** What a segment is in IPv6. Interface and appliances are the same as in IPv4. */
export type Segment6 = {
  readonly prefix: Prefix6
  readonly prefix_text: string
  readonly anchor_address: string
  readonly gateway: string | undefined
}

export type Family = 4 | 6

export function layOut(stack: Stack, appliances: readonly PlacedAppliance[], facts: SiteFacts | undefined): Layout {
  const addresses = addressesOf(stack, appliances)
  return {
    stack,
    facts,
    domain: `${stack.name}.internal`,
    appliances,
    segments: byName(stack.segments)
      .filter(({ name }) => isUsed(stack, appliances, name))
      .map((segment) => laySegment(stack, segment, appliances, addresses)),
    addresses,
    mac: macsOf(stack.name, allLegs(stack, appliances)),
  }
}

export function segmentOf(layout: Layout, name: string): LaidSegment {
  const segment = layout.segments.find((candidate) => candidate.name === name)
  if (segment === undefined) throw new Error(`stack ${layout.stack.name} has no segment "${name}"`)
  return segment
}

/** The default route of machines: the firewall, or the NAT box that leads to the Internet. */
export function wayOut(layout: Layout, segment: LaidSegment): string | undefined {
  const nat = layout.stack.nats.find(({ inside, internet }) => internet.length > 0 && inside.includes(segment.name))
  return segment.gateway ?? (nat === undefined ? undefined : addressIn(layout, nat.name, segment.name))
}

/** The segments that an appliance serves as anchor. */
export function anchoredBy(layout: Layout, appliance: string): readonly LaidSegment[] {
  return layout.segments.filter((segment) => segment.anchor === appliance)
}

export function addressIn(layout: Layout, instance: string, segment: string): string {
  return formatAddress(layout.addresses.of(instance, segment))
}

/** The address in the other family has the same number in its segment (lib/ip6.ts); undefined where the segment has none. */
export function address6In(layout: Layout, instance: string, segment: string): string | undefined {
  const laid = segmentOf(layout, segment)
  return laid.ipv6 && number6(laid.prefix, laid.ipv6.prefix, layout.addresses.of(instance, segment))
}

/** The same in the family asked for. */
export function addressOf(layout: Layout, family: Family, instance: string, segment: string): string | undefined {
  return family === 4 ? addressIn(layout, instance, segment) : address6In(layout, instance, segment)
}

/** An appliance speaks IPv6 where one of its segments does. */
export function speaks6(layout: Layout, appliance: PlacedAppliance): boolean {
  return appliance.segments.some((name) => segmentOf(layout, name).ipv6 !== undefined)
}

/** The site's network that an appliance touches, which is also the name of its leg there. */
export function outerLeg(appliance: PlacedAppliance): 'outside' | 'services' | undefined {
  switch (appliance.role) {
    case 'firewall':
      return 'outside'
    case 'nat':
      return appliance.nat.internet.length > 0 ? 'outside' : 'services'
    case 'load-balancer':
      return undefined
  }
}

/** The outer leg where it has IPv6: of a firewall with a dual stack behind it, of a NAT box with a service to be reached so. */
export function outer6(layout: Layout, appliance: PlacedAppliance): 'outside' | 'services' | undefined {
  const takes =
    appliance.role === 'nat'
      ? appliance.nat.reaches.some((service) => isAt6(layout, service))
      : appliance.role === 'firewall' && speaks6(layout, appliance)
  return takes ? outerLeg(appliance) : undefined
}

/** The site has the central service at an IPv6 address. */
export function isAt6(layout: Layout, service: string): boolean {
  return looksLike6(layout.facts?.services[service] ?? '')
}

export function legsOf(layout: Layout, appliance: PlacedAppliance): readonly Leg[] {
  const outer = outerLeg(appliance)
  const outer_legs: Leg[] =
    outer === undefined
      ? []
      : [
          {
            to: outer,
            interface: outer,
            mac: layout.mac(appliance.name, `>${outer}`),
            ...(outer6(layout, appliance) === undefined ? {} : { ipv6: true as const }),
          },
        ]
  const inner = appliance.segments.map((segment) => ({
    ...machineLeg(layout, appliance.name, segment, interfaceOf(segment)),
    also: [...centralAddresses(layout, appliance, segment), ...routedTo(layout, appliance, segment)],
  }))
  return [...outer_legs, ...inner]
}

export function machineLeg(layout: Layout, instance: string, segment: string, name: string): Leg {
  const address6 = address6In(layout, instance, segment)
  return {
    to: 'segment',
    interface: name,
    segment,
    mac: layout.mac(instance, segment),
    address: addressIn(layout, instance, segment),
    also: [],
    ...(address6 === undefined ? {} : { address6 }),
  }
}

function centralAddresses(layout: Layout, appliance: PlacedAppliance, segment: string): string[] {
  if (appliance.role !== 'nat') return []
  const services = [...appliance.nat.reaches].sort()
  return services.map((service) => formatAddress(layout.addresses.central(appliance.name, service, segment)))
}

/** A load balancer has the IPv6 addresses of the stack's own that the firewall routes to it. */
export function routedTo({ stack }: Layout, { name }: PlacedAppliance, segment: string): readonly string[] {
  const here = routedOf(stack).filter((each) => each.balancer === name && each.segment === segment)
  return [...new Set(here.map(({ address }) => address))]
}

/** A segment that nothing is in does not exist at a site. */
function isUsed(stack: Stack, appliances: readonly PlacedAppliance[], name: string): boolean {
  const machines = stack.machines.some(({ segment, instances }) => segment === name && instances.length > 0)
  return machines || appliances.some(({ segments }) => segments.includes(name))
}

function laySegment(
  stack: Stack,
  { name, prefix: prefix_text, prefix6: prefix6_text }: Segment,
  appliances: readonly PlacedAppliance[],
  addresses: Addresses,
): LaidSegment {
  const here = appliances.filter((appliance) => appliance.segments.includes(name))
  const anchor = here[0]
  if (anchor === undefined) throw new Error(`segment ${name} of stack ${stack.name} has no appliance`)
  const firewall = here.find((appliance) => appliance.role === 'firewall')
  const whole = prefix(prefix_text)
  const whole6 = prefix6_text === undefined ? undefined : prefix6(prefix6_text)
  return {
    name,
    prefix: whole,
    prefix_text,
    interface: interfaceOf(name),
    anchor: anchor.name,
    anchor_address: formatAddress(addresses.of(anchor.name, name)),
    gateway: firewall === undefined ? undefined : formatAddress(addresses.of(firewall.name, name)),
    ipv6: whole6 && {
      prefix: whole6,
      prefix_text: formatPrefix6(whole6),
      anchor_address: number6(whole, whole6, addresses.of(anchor.name, name)),
      gateway: firewall === undefined ? undefined : number6(whole, whole6, addresses.of(firewall.name, name)),
    },
  }
}

function number6(whole: Prefix, whole6: Prefix6, value: number): string {
  return formatAddress6(sameDigits(whole6, value - whole.network))
}

/** The outer leg is `>outside` or `>services`, so that a segment may have these names. */
function allLegs(stack: Stack, appliances: readonly PlacedAppliance[]) {
  const machines = stack.machines.flatMap((group) =>
    group.instances.map((instance) => ({ instance, leg: group.segment })),
  )
  const inner = appliances.flatMap(({ name, segments }) => segments.map((leg) => ({ instance: name, leg })))
  const outer = appliances.flatMap((appliance) => {
    const leg = outerLeg(appliance)
    return leg === undefined ? [] : [{ instance: appliance.name, leg: `>${leg}` }]
  })
  return [...machines, ...inner, ...outer]
}
