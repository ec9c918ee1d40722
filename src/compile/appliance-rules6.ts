import { routedOf } from './announced.ts'
import type { PlacedAppliance } from './appliances.ts'
import { address6In, type LaidSegment, type Layout, outer6, outerLeg, routedTo, segmentOf, speaks6 } from './layout.ts'
import { IPV6, interfaceIs, rule } from './nftables.ts'

/**
 * What any appliance with an IPv6 leg has for itself. Neighbours are let in from the link alone (hop limit 255, RFC 4861
 * section 7.1); errors, Packet Too Big among them, come as related to what they are about (RFC 4890).
 */
export function inputRules6(layout: Layout, appliance: PlacedAppliance): string[] {
  if (!hasLeg6(layout, appliance)) return []
  const segments = legs6(layout, appliance)
  const neighbours = [...segments.map((segment) => segment.interface), ...outside(layout, appliance)].map((leg) =>
    rule([interfaceIs('iifname', leg), ON_LINK, `icmpv6 type { ${NEIGHBOURS} }`], 'accept', 'neighbours'),
  )
  const client = outside(layout, appliance).flatMap((leg) => [
    rule([interfaceIs('iifname', leg), LOCAL, ON_LINK, 'icmpv6 type nd-router-advert'], 'accept', 'own IPv6 address'),
    rule([interfaceIs('iifname', leg), LOCAL, 'udp sport 547 udp dport 546'], 'accept', 'own IPv6 address'),
  ])
  const served = segments.flatMap((segment) => {
    const leg = interfaceIs('iifname', segment.interface)
    const asked = rule([leg, ON_LINK, 'icmpv6 type nd-router-solicit'], 'accept', `router of ${segment.name}?`)
    if (segment.anchor !== appliance.name) return appliance.role === 'firewall' ? [asked] : []
    const here = [leg, `ip6 saddr ${segment.ipv6?.prefix_text} ip6 daddr ${segment.ipv6?.anchor_address}`]
    return [
      asked,
      rule([leg, LOCAL, 'udp dport 547'], 'accept', `IPv6 addresses for ${segment.name}`),
      rule([...here, 'udp dport 53'], 'accept', `names for ${segment.name}`),
      rule([...here, 'tcp dport 53'], 'accept', `names for ${segment.name}`),
    ]
  })
  return [...neighbours, ...client, ...served, ...pingRules6(layout, appliance)]
}

export function outputRules6(layout: Layout, appliance: PlacedAppliance): string[] {
  if (!hasLeg6(layout, appliance)) return []
  const inner = legs6(layout, appliance).flatMap((segment) => {
    const leg = interfaceIs('oifname', segment.interface)
    const anchor = segment.anchor === appliance.name
    const router = anchor || appliance.role === 'firewall'
    return [
      rule(
        [leg, `icmpv6 type { ${NEIGHBOURS}, ${router ? 'nd-router-advert, ' : ''}${GROUPS} }`],
        'accept',
        'neighbours',
      ),
      ...(anchor ? [rule([leg, 'udp sport 547 udp dport 546'], 'accept', `IPv6 addresses for ${segment.name}`)] : []),
    ]
  })
  const outer = outside(layout, appliance).flatMap((leg) => [
    rule(
      [interfaceIs('oifname', leg), `icmpv6 type { ${NEIGHBOURS}, nd-router-solicit, ${GROUPS} }`],
      'accept',
      'neighbours',
    ),
    rule([interfaceIs('oifname', leg), 'udp sport 546 udp dport 547'], 'accept', 'own IPv6 address'),
  ])
  return [...inner, ...outer]
}

/** As in IPv4; hosts without an address yet, and those that speak to their link, have other sources. */
export function spoofRules6(layout: Layout, appliance: PlacedAppliance): string[] {
  if (!hasLeg6(layout, appliance)) return []
  const outer = outerLeg(appliance)
  const own = layout.segments.flatMap(({ ipv6 }) => ipv6?.prefix_text ?? [])
  const routed = routedOf(layout.stack)
  const announced = [...new Set(routed.map(({ address }) => address))]
  const takes = outer6(layout, appliance)
  const outer_rules =
    outer !== undefined && takes === outer
      ? own.length === 0
        ? []
        : [
            rule(
              [interfaceIs('iifname', outer), `ip6 saddr ${setOf([...own, ...announced])}`],
              'drop',
              'source cannot be there',
            ),
            rule([interfaceIs('iifname', outer), `ip6 daddr ${setOf(own)}`], 'drop', 'unknown out there'),
          ]
      : outer !== undefined
        ? [rule([interfaceIs('iifname', outer), IPV6], 'drop', 'no IPv6 there')]
        : []
  return [
    ...outer_rules,
    ...appliance.segments
      .map((name) => segmentOf(layout, name))
      .flatMap(({ name, interface: leg, ipv6 }) => {
        if (ipv6 === undefined) return [rule([interfaceIs('iifname', leg), IPV6], 'drop', 'no IPv6 there')]
        if (appliance.role === 'load-balancer' && ipv6.gateway !== undefined) return []
        // Answers from an address of the stack's own come from where it is routed to.
        const answers = new Set(routed.flatMap((each) => (each.segment === name ? [each.address] : [])))
        const near = `ip6 saddr != { ${['::', 'fe80::/10', ipv6.prefix_text, ...answers].join(', ')} }`
        return [rule([interfaceIs('iifname', leg), near], 'drop', 'source cannot be there')]
      }),
  ]
}

function pingRules6(layout: Layout, appliance: PlacedAppliance): string[] {
  const echo = 'icmpv6 type echo-request limit rate 20/second burst 40 packets'
  const outer =
    appliance.role !== 'firewall'
      ? []
      : outside(layout, appliance).map((leg) =>
          rule([interfaceIs('iifname', leg), 'fib daddr type local', echo], 'accept', 'ping'),
        )
  const inner = legs6(layout, appliance).map(({ name, interface: leg, ipv6 }) => {
    const routed = appliance.role === 'load-balancer' && ipv6?.gateway !== undefined
    const from = routed ? '' : `ip6 saddr ${ipv6?.prefix_text}`
    const own = setOf([address6In(layout, appliance.name, name) ?? '', ...routedTo(layout, appliance, name)])
    return rule([interfaceIs('iifname', leg), from, `ip6 daddr ${own}`, echo], 'accept', 'ping')
  })
  return [...outer, ...inner]
}

/** What a leg that takes an address by router advertisement or DHCPv6 has to hear and to say. */
export function leaseRules6(leg: string): { readonly in: readonly string[]; readonly out: readonly string[] } {
  const [from, to] = [interfaceIs('iifname', leg), interfaceIs('oifname', leg)]
  return {
    in: [
      rule([from, ON_LINK, `icmpv6 type { ${NEIGHBOURS}, nd-router-advert }`], 'accept', 'neighbours'),
      rule([from, LOCAL, 'udp sport 547 udp dport 546'], 'accept', 'own IPv6 address'),
    ],
    out: [
      rule([to, `icmpv6 type { ${NEIGHBOURS}, nd-router-solicit, ${GROUPS} }`], 'accept', 'neighbours'),
      rule([to, 'udp sport 546 udp dport 547'], 'accept', 'own IPv6 address'),
    ],
  }
}

const ON_LINK = 'ip6 hoplimit 255'
const LOCAL = 'ip6 saddr fe80::/10'
const NEIGHBOURS = 'nd-neighbor-solicit, nd-neighbor-advert'
/** A switch that listens for them would else forget who wants to hear of neighbours (RFC 4541 section 3). */
const GROUPS = 'mld-listener-report, mld2-listener-report'

function legs6(layout: Layout, appliance: PlacedAppliance): readonly LaidSegment[] {
  return appliance.segments.map((name) => segmentOf(layout, name)).filter(({ ipv6 }) => ipv6 !== undefined)
}

function outside(layout: Layout, appliance: PlacedAppliance): readonly string[] {
  const leg = outer6(layout, appliance)
  return leg === undefined ? [] : [leg]
}

function hasLeg6(layout: Layout, appliance: PlacedAppliance): boolean {
  return speaks6(layout, appliance) || outer6(layout, appliance) !== undefined
}

function setOf(parts: readonly string[]): string {
  return parts.length === 1 ? `${parts[0]}` : `{ ${parts.join(', ')} }`
}
