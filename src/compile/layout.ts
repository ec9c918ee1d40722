import { formatAddress, type Prefix, prefix } from '../lib/ip.ts'
import type { Segment, Stack } from '../stack/stack.ts'
import { type Addresses, addressesOf } from './addressing.ts'
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
}

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

/** The segments that an appliance serves as anchor. */
export function anchoredBy(layout: Layout, appliance: string): readonly LaidSegment[] {
  return layout.segments.filter((segment) => segment.anchor === appliance)
}

export function addressIn(layout: Layout, instance: string, segment: string): string {
  return formatAddress(layout.addresses.of(instance, segment))
}

/** The site's network that an appliance touches, which is also the name of its leg there. */
export function outerLeg(appliance: PlacedAppliance): 'outside' | 'services' | undefined {
  switch (appliance.role) {
    case 'firewall':
      return 'outside'
    case 'nat':
      return 'services'
    case 'load-balancer':
      return undefined
  }
}

export function legsOf(layout: Layout, appliance: PlacedAppliance): readonly Leg[] {
  const outer = outerLeg(appliance)
  const outer_legs: Leg[] =
    outer === undefined ? [] : [{ to: outer, interface: outer, mac: layout.mac(appliance.name, `>${outer}`) }]
  const inner = appliance.segments.map((segment) => ({
    ...machineLeg(layout, appliance.name, segment, interfaceOf(segment)),
    also: centralAddresses(layout, appliance, segment),
  }))
  return [...outer_legs, ...inner]
}

export function machineLeg(layout: Layout, instance: string, segment: string, name: string): Leg {
  return {
    to: 'segment',
    interface: name,
    segment,
    mac: layout.mac(instance, segment),
    address: addressIn(layout, instance, segment),
    also: [],
  }
}

function centralAddresses(layout: Layout, appliance: PlacedAppliance, segment: string): string[] {
  if (appliance.role !== 'nat') return []
  const services = [...appliance.nat.reaches].sort()
  return services.map((service) => formatAddress(layout.addresses.central(appliance.name, service, segment)))
}

/** A segment that nothing is in does not exist at a site. */
function isUsed(stack: Stack, appliances: readonly PlacedAppliance[], name: string): boolean {
  const machines = stack.machines.some(({ segment, instances }) => segment === name && instances.length > 0)
  return machines || appliances.some(({ segments }) => segments.includes(name))
}

function laySegment(
  stack: Stack,
  { name, prefix: prefix_text }: Segment,
  appliances: readonly PlacedAppliance[],
  addresses: Addresses,
): LaidSegment {
  const here = appliances.filter((appliance) => appliance.segments.includes(name))
  const anchor = here[0]
  if (anchor === undefined) throw new Error(`segment ${name} of stack ${stack.name} has no appliance`)
  const firewall = here.find((appliance) => appliance.role === 'firewall')
  return {
    name,
    prefix: prefix(prefix_text),
    prefix_text,
    interface: interfaceOf(name),
    anchor: anchor.name,
    anchor_address: formatAddress(addresses.of(anchor.name, name)),
    gateway: firewall === undefined ? undefined : formatAddress(addresses.of(firewall.name, name)),
  }
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
