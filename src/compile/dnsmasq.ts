import { formatAddress, netmaskOf } from '../lib/ip.ts'
import { formatAddress6 } from '../lib/ip6.ts'
import { byName } from './appliances.ts'
import { address6In, anchoredBy, type LaidSegment, type Layout, type Segment6, wayOut } from './layout.ts'
import { namesOf } from './names.ts'

/**
 * DHCP and DNS of the segments that an appliance anchors; undefined where it anchors none. See dnsmasq(8).
 *
 * Known MACs only, each with its own address for ever; no lease file, because the reservations are all there is to know.
 * Names of the stack and nothing else: no upstream, so that a name from outside fails at once.
 */
export function dnsmasqConf(layout: Layout, appliance: string): string | undefined {
  const segments = anchoredBy(layout, appliance)
  if (segments.length === 0) return undefined
  const parts = [general(layout, segments), names(layout), ...segments.map((segment) => dhcp(layout, segment))]
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`
}

function general({ domain }: Layout, segments: readonly LaidSegment[]): string[] {
  return [
    'bind-dynamic',
    'except-interface=lo',
    ...segments.map((segment) => `interface=${segment.interface}`),
    '',
    'no-hosts',
    'no-resolv',
    'no-poll',
    'domain-needed',
    'bogus-priv',
    'localise-queries',
    `domain=${domain}`,
    `local=/${domain}/`,
    'local-ttl=5',
    '',
    'dhcp-authoritative',
    'dhcp-rapid-commit',
    'dhcp-ignore=tag:!known',
    'dhcp-lease-max=100000',
    'leasefile-ro',
    'no-ping',
    ...(segments.some(({ ipv6 }) => ipv6 !== undefined) ? ['enable-ra'] : []),
  ]
}

/**
 * Router advertisements say that addresses come by DHCPv6 (`static`: managed, nothing to make up by oneself) and, unless the
 * anchor is the firewall, that there is no way out by it. Clients are known by their MAC, which dnsmasq takes from its
 * neighbours: what a guest makes of its DUID does not matter.
 */
function dhcp6(layout: Layout, segment: LaidSegment, { prefix, anchor_address, gateway }: Segment6): string[] {
  const tag = segment.interface
  return [
    `dhcp-range=set:${tag},${formatAddress6(prefix.network)},static,64,infinite`,
    `dhcp-option=tag:${tag},option6:dns-server,[${anchor_address}]`,
    `dhcp-option=tag:${tag},option6:domain-search,${layout.domain}`,
    ...(gateway === anchor_address ? [] : [`ra-param=${segment.interface},0,0`]),
  ]
}

function names(layout: Layout): string[] {
  return namesOf(layout).map(
    ({ name, address, address6 }) =>
      `host-record=${name}.${layout.domain},${name},${address}${address6 === undefined ? '' : `,${address6}`}`,
  )
}

function dhcp(layout: Layout, segment: LaidSegment): string[] {
  const tag = segment.interface
  const groups = byName(layout.stack.machines.filter((group) => group.segment === segment.name))
  const way = wayOut(layout, segment)
  return [
    `# ${segment.name}`,
    `dhcp-range=set:${tag},${formatAddress(segment.prefix.network)},static,${netmaskOf(segment.prefix)},infinite`,
    way === undefined ? `dhcp-option=tag:${tag},option:router` : `dhcp-option=tag:${tag},option:router,${way}`,
    `dhcp-option=tag:${tag},option:dns-server,${segment.anchor_address}`,
    `dhcp-option=tag:${tag},option:domain-search,${layout.domain}`,
    ...(segment.ipv6 === undefined ? [] : dhcp6(layout, segment, segment.ipv6)),
    ...groups
      .flatMap((group) => group.instances)
      .map((name) => {
        const address = formatAddress(layout.addresses.of(name, segment.name))
        const address6 = address6In(layout, name, segment.name)
        const both = address6 === undefined ? address : `${address},[${address6}]`
        return `dhcp-host=${layout.mac(name, segment.name)},${both},${name},infinite`
      }),
  ]
}
