import { looksLike6 } from '../lib/ip6.ts'
import { routedOf } from './announced.ts'
import type { PlacedAppliance } from './appliances.ts'
import type { ConfigFile, Leg } from './compiled.ts'
import { address6In, addressIn, type Layout, routedTo, segmentOf } from './layout.ts'

/** One systemd-networkd file per leg; see systemd.network(5). */
export function networkFiles(layout: Layout, appliance: PlacedAppliance, legs: readonly Leg[]): ConfigFile[] {
  const routes = routesOf(layout, appliance)
  return legs.map((leg) => ({
    path: `/etc/systemd/network/10-${leg.interface}.network`,
    text: leg.to === 'segment' ? innerFile(layout, appliance, leg, routes.get(leg.segment) ?? []) : outerFile(leg),
  }))
}

/**
 * A load balancer answers clients from outside through the firewall that let them in: its default route. Where it
 * stands behind several, the sender's own address tells which one, by a routing table for each.
 */
function routesOf(layout: Layout, appliance: PlacedAppliance): ReadonlyMap<string, readonly string[]> {
  if (appliance.role === 'firewall') return inwardRoutes(layout, appliance)
  if (appliance.role !== 'load-balancer') return new Map()
  const behind = appliance.segments
    .map((name) => segmentOf(layout, name))
    .filter(({ gateway }) => gateway !== undefined)
  return new Map(
    behind.map((segment, index) => {
      const own_address = `${addressIn(layout, appliance.name, segment.name)}/32`
      const { prefix_text, gateway, ipv6 } = segment
      const own6 = ipv6 && {
        ...ipv6,
        own_addresses: [address6In(layout, appliance.name, segment.name), ...routedTo(layout, appliance, segment.name)],
      }
      const several = behind.length > 1
      return [
        segment.name,
        [
          ...(index === 0 ? ['', '[Route]', `Gateway=${gateway}`] : []),
          ...(several ? tableLines(prefix_text, gateway, [own_address], 100 + index) : []),
          ...(own6 !== undefined && (index === 0 || !behind.slice(0, index).some((other) => other.ipv6 !== undefined))
            ? ['', '[Route]', `Gateway=${own6.gateway}`]
            : []),
          ...(own6 !== undefined && several
            ? tableLines(
                own6.prefix_text,
                own6.gateway,
                own6.own_addresses.map((each) => `${each}/128`),
                100 + index,
              )
            : []),
        ],
      ]
    }),
  )
}

/** What is for an IPv6 address of the stack's own goes on to the load balancer that has it. */
function inwardRoutes(layout: Layout, { segments }: PlacedAppliance): ReadonlyMap<string, readonly string[]> {
  const all = routedOf(layout.stack)
  return new Map(
    segments.map((segment) => {
      const here = new Map(all.flatMap((each) => (each.segment === segment ? [[each.address, each.balancer]] : [])))
      return [
        segment,
        [...here].flatMap(([address, balancer]) => [
          '',
          '[Route]',
          `Destination=${address}/128`,
          `Gateway=${address6In(layout, balancer, segment)}`,
        ]),
      ]
    }),
  )
}

function tableLines(
  prefix: string,
  gateway: string | undefined,
  own_addresses: readonly string[],
  table: number,
): string[] {
  // A scope is a matter of IPv4 alone.
  const scope = prefix.includes(':') ? [] : ['Scope=link']
  const on_link = ['', '[Route]', `Destination=${prefix}`, ...scope, `Table=${table}`]
  const onward = ['', '[Route]', `Gateway=${gateway}`, `Table=${table}`]
  const rules = own_addresses.flatMap((each) => ['', '[RoutingPolicyRule]', `From=${each}`, `Table=${table}`])
  return [...on_link, ...onward, ...rules]
}

/** `ConfigureWithoutCarrier`: an address is there before the bridge is, so that programs can bind to it at once. */
function innerFile(
  layout: Layout,
  appliance: PlacedAppliance,
  leg: Extract<Leg, { to: 'segment' }>,
  routes: readonly string[],
): string {
  const { prefix, anchor } = segmentOf(layout, leg.segment)
  // The anchor advertises what is on the link (dnsmasq.ts); a firewall beside it, that it is the way to other segments.
  const advertises = leg.address6 !== undefined && appliance.role === 'firewall' && anchor !== appliance.name
  return lines([
    '[Match]',
    `Name=${leg.interface}`,
    '',
    '[Link]',
    'RequiredForOnline=no',
    '',
    '[Network]',
    `Address=${leg.address}/${prefix.bits}`,
    ...leg.also.map((address) => `Address=${address}/${looksLike6(address) ? 128 : 32}`),
    ...(leg.address6 === undefined ? [] : [`Address=${leg.address6}/64`]),
    'ConfigureWithoutCarrier=yes',
    ...(leg.address6 === undefined ? OFF6 : ON6),
    ...QUIET,
    ...(advertises ? ADVERTISES : []),
    ...routes,
  ])
}

/**
 * The lease depends on the MAC alone, which is the same at every site and after every replacement. Nothing else is taken
 * from the site: its names mean nothing inside, and a NAT box has no route but to the services network itself.
 */
function outerFile(leg: Exclude<Leg, { to: 'segment' }>): string {
  const takes6 = leg.ipv6 === true
  return lines([
    '[Match]',
    `Name=${leg.interface}`,
    '',
    '[Link]',
    'RequiredForOnline=no',
    '',
    '[Network]',
    'DHCP=ipv4',
    ...(takes6 ? TAKES6 : OFF6),
    ...QUIET,
    '',
    '[DHCPv4]',
    'ClientIdentifier=mac',
    'SendHostname=no',
    'UseHostname=no',
    'UseDNS=no',
    'UseDomains=no',
    'UseNTP=no',
    ...(leg.to === 'services' ? ['UseRoutes=no', 'UseGateway=no'] : []),
    ...(takes6 ? outerFile6(leg.to) : []),
  ])
}

const QUIET = ['LLMNR=no', 'MulticastDNS=no', 'LLDP=no']
export const OFF6 = ['LinkLocalAddressing=no', 'IPv6AcceptRA=no']
const ON6 = ['LinkLocalAddressing=ipv6', 'IPv6AcceptRA=no']
export const TAKES6 = ['LinkLocalAddressing=ipv6', 'IPv6AcceptRA=yes', 'IPv6PrivacyExtensions=no']
const ADVERTISES = [
  'IPv6SendRA=yes',
  '',
  '[IPv6SendRA]',
  'Managed=yes',
  'OtherInformation=yes',
  'EmitDNS=no',
  'EmitDomains=no',
]

/** Either way of the site gives an address that follows from the MAC, so it comes back after every replacement. */
export const outerFile6 = (to: 'outside' | 'services', more: readonly string[] = []): readonly string[] => [
  '',
  '[IPv6AcceptRA]',
  'Token=eui64',
  'UseDNS=no',
  'UseDomains=no',
  ...(to === 'services' ? ['UseGateway=no', 'UseRoutePrefix=no'] : []),
  ...more,
  '',
  '[DHCPv6]',
  'DUIDType=link-layer',
  'IAID=1',
  'UseHostname=no',
  'UseDNS=no',
  'UseDomains=no',
  'UseNTP=no',
]

function lines(list: readonly string[]): string {
  return `${list.join('\n')}\n`
}
