import { formatAddress, netmaskOf } from '../lib/ip.ts'
import { formatAddress6, looksLike6 } from '../lib/ip6.ts'
import type { Border, Lease, Side } from './border.ts'

/**
 * DHCP for the outer legs of the stack's appliances and for stubs, and DNS for the client that the border is; see
 * dnsmasq(8). The lease of each MAC is known beforehand, so the names are too.
 */
export function borderNames(border: Omit<Border, 'files'>): string {
  const { outside, services } = border
  const general = [
    'bind-dynamic',
    'interface=lo',
    'interface=outside',
    ...(services === undefined ? [] : ['interface=services']),
    '',
    'no-hosts',
    'no-resolv',
    'no-poll',
    'local-ttl=1',
    'dhcp-authoritative',
    'dhcp-rapid-commit',
    'dhcp-ignore=tag:!known',
    'leasefile-ro',
    'no-ping',
    ...(outside.ipv6 === undefined && services?.ipv6 === undefined ? [] : ['enable-ra']),
  ]
  const names = border.names.flatMap(({ name, appliance, own, ipv6 }) => {
    const address = outside.leases.find((lease) => lease.instance === appliance)?.address
    const address6 = outside.ipv6?.leases.find((lease) => lease.instance === appliance)?.address
    const leased = ipv6 === true && address6 !== undefined ? [address, address6] : [address]
    return address === undefined ? [] : [`host-record=${[name, ...(own.length > 0 ? own : leased)].join(',')}`]
  })
  const parts = [
    general,
    ...(names.length === 0 ? [] : [names]),
    [
      ...dhcp('outside', outside, outside.leases, outside.address),
      ...(outside.ipv6?.prefixes ?? []).map(({ network }) => `dhcp-range=${formatAddress6(network)},ra-only,64`),
    ],
    ...(services === undefined ? [] : [dhcp('services', services, [...services.leases, ...services.stubs], undefined)]),
  ]
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`
}

function dhcp(tag: string, side: Side, leases: readonly Lease[], router: string | undefined): string[] {
  const both = ({ mac, address, instance }: Lease) => {
    const address6 = side.ipv6?.leases.find((each) => each.instance === instance)?.address
    const wanted = looksLike6(address) ? `[${address}]` : address
    return `dhcp-host=${mac},${wanted}${tag === 'services' && address6 !== undefined ? `,[${address6}]` : ''},${instance},infinite`
  }
  const links = tag === 'services' ? (side.ipv6?.prefixes ?? []) : []
  return [
    `# ${tag}`,
    `dhcp-range=set:${tag},${formatAddress(side.prefix.network)},static,${netmaskOf(side.prefix)},infinite`,
    router === undefined ? `dhcp-option=tag:${tag},option:router` : `dhcp-option=tag:${tag},option:router,${router}`,
    `dhcp-option=tag:${tag},option:dns-server`,
    // As in a segment: addresses by DHCPv6 alone, and no way out by here.
    ...links.map(({ network }) => `dhcp-range=set:${tag},${formatAddress6(network)},static,64,infinite`),
    ...(links.length === 0 ? [] : [`ra-param=${tag},0,0`]),
    ...leases.map(both),
  ]
}
