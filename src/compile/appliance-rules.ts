import { inputRules6, outputRules6, spoofRules6 } from './appliance-rules6.ts'
import { byName, type PlacedAppliance } from './appliances.ts'
import { addressIn, anchoredBy, type Layout, outerLeg, segmentOf } from './layout.ts'
import { addressList, interfaceIs, prefixList, rule, STATEFUL } from './nftables.ts'

/** Rules that any appliance has for itself: DHCP and DNS where it is anchor, DHCP where it is a client, ping, probes. */

/** The first of the `input` chain. */
export function inputRules(layout: Layout, appliance: PlacedAppliance): string[] {
  const outer = outerLeg(appliance)
  const client =
    outer === undefined ? [] : [rule([interfaceIs('iifname', outer), 'udp sport 67 udp dport 68'], 'accept', LEASE)]
  const anchored = anchoredBy(layout, appliance.name).flatMap((segment) => {
    const leg = interfaceIs('iifname', segment.interface)
    const here = [leg, `ip saddr ${segment.prefix_text} ip daddr ${segment.anchor_address}`]
    return [
      rule([leg, 'udp dport 67'], 'accept', `addresses for ${segment.name}`),
      rule([...here, 'udp dport 53'], 'accept', `names for ${segment.name}`),
      rule([...here, 'tcp dport 53'], 'accept', `names for ${segment.name}`),
    ]
  })
  return [
    'iifname "lo" accept',
    ...STATEFUL,
    ...client,
    ...anchored,
    ...pingRules(layout, appliance),
    ...inputRules6(layout, appliance),
  ]
}

/** The first of the `output` chain. */
export function outputRules(layout: Layout, appliance: PlacedAppliance): string[] {
  const outer = outerLeg(appliance)
  const client =
    outer === undefined ? [] : [rule([interfaceIs('oifname', outer), 'udp sport 68 udp dport 67'], 'accept', LEASE)]
  const anchored = anchoredBy(layout, appliance.name).map((segment) =>
    rule(
      [interfaceIs('oifname', segment.interface), 'udp sport 67 udp dport 68'],
      'accept',
      `addresses for ${segment.name}`,
    ),
  )
  return [
    'oifname "lo" accept',
    ...STATEFUL,
    ...client,
    ...anchored,
    ...probeRules(layout, appliance.name),
    ...outputRules6(layout, appliance),
  ]
}

/** Before anything else: packets that cannot be meant: from a source that is elsewhere, or to the inside. DHCP clients have no source yet. */
export function spoofRules(layout: Layout, appliance: PlacedAppliance): string[] {
  const outer = outerLeg(appliance)
  const own = outer === 'services' ? appliance.segments : layout.segments.map(({ name }) => name)
  const prefixes = own.map((name) => segmentOf(layout, name).prefix)
  // Linux takes a packet for any of its addresses on any leg: from outside only the outside address is meant.
  const outer_rules =
    outer === undefined
      ? []
      : [
          rule([interfaceIs('iifname', outer), `ip saddr ${prefixList(prefixes)}`], 'drop', SPOOFED),
          rule([interfaceIs('iifname', outer), `ip daddr ${prefixList(prefixes)}`], 'drop', 'unknown out there'),
        ]
  return [
    ...outer_rules,
    ...appliance.segments
      .map((name) => segmentOf(layout, name))
      .filter(({ gateway }) => appliance.role !== 'load-balancer' || gateway === undefined)
      .map(({ interface: leg, prefix_text }) =>
        rule([interfaceIs('iifname', leg), `ip saddr != { 0.0.0.0, ${prefix_text} }`], 'drop', SPOOFED),
      ),
    ...spoofRules6(layout, appliance),
  ]
}

const LEASE = 'own address by DHCP'
const SPOOFED = 'source cannot be there'

/** Answers pings to its own address on that leg, and on the outside of a firewall. Errors come as related. */
function pingRules(layout: Layout, appliance: PlacedAppliance): string[] {
  const echo = 'icmp type echo-request limit rate 20/second burst 40 packets'
  const outer =
    appliance.role === 'firewall' ? [rule(['iifname "outside" fib daddr type local', echo], 'accept', 'ping')] : []
  const inner = appliance.segments.map((name) => {
    const { interface: leg, prefix_text } = segmentOf(layout, name)
    const own = addressIn(layout, appliance.name, name)
    const from = comesRouted(layout, appliance, name) ? '' : `ip saddr ${prefix_text}`
    return rule([interfaceIs('iifname', leg), from, `ip daddr ${own}`, echo], 'accept', 'ping')
  })
  return [...outer, ...inner]
}

/** Behind a firewall a load balancer hears clients from anywhere; the firewall has decided which ones. */
export function comesRouted(layout: Layout, appliance: PlacedAppliance, segment: string): boolean {
  return appliance.role === 'load-balancer' && segmentOf(layout, segment).gateway !== undefined
}

/** Readiness is seen from the anchor. */
function probeRules(layout: Layout, appliance: string): string[] {
  return anchoredBy(layout, appliance).flatMap((segment) =>
    byName(layout.stack.machines)
      .filter((group) => group.segment === segment.name)
      .flatMap((group) => {
        if (group.ready === undefined || group.ready.by === 'exec' || group.instances.length === 0) return []
        const to = addressList(group.instances.map((name) => layout.addresses.of(name, segment.name)))
        const match = [interfaceIs('oifname', segment.interface), `ip daddr ${to} tcp dport ${group.ready.port}`]
        return [rule(match, 'accept', `is ${group.name} ready?`)]
      }),
  )
}
