import type { PlacedAppliance } from './appliances.ts'
import type { ConfigFile, Leg } from './compiled.ts'
import { addressIn, type LaidSegment, type Layout, segmentOf } from './layout.ts'

/** One systemd-networkd file per leg; see systemd.network(5). */
export function networkFiles(layout: Layout, appliance: PlacedAppliance, legs: readonly Leg[]): ConfigFile[] {
  const routes = routesOf(layout, appliance)
  return legs.map((leg) => ({
    path: `/etc/systemd/network/10-${leg.interface}.network`,
    text: leg.to === 'segment' ? innerFile(layout, leg, routes.get(leg.segment) ?? []) : outerFile(leg),
  }))
}

/**
 * A load balancer answers clients from outside through the firewall that let them in: its default route. Where it
 * stands behind several, the sender's own address tells which one, by a routing table for each.
 */
function routesOf(layout: Layout, appliance: PlacedAppliance): ReadonlyMap<string, readonly string[]> {
  if (appliance.role !== 'load-balancer') return new Map()
  const behind = appliance.segments
    .map((name) => segmentOf(layout, name))
    .filter(({ gateway }) => gateway !== undefined)
  return new Map(
    behind.map((segment, index) => {
      const own_address = addressIn(layout, appliance.name, segment.name)
      const own_table = behind.length > 1 ? tableLines(segment, own_address, 100 + index) : []
      return [segment.name, [...(index === 0 ? ['', '[Route]', `Gateway=${segment.gateway}`] : []), ...own_table]]
    }),
  )
}

function tableLines({ prefix_text, gateway }: LaidSegment, own_address: string, table: number): string[] {
  const on_link = ['', '[Route]', `Destination=${prefix_text}`, 'Scope=link', `Table=${table}`]
  const onward = ['', '[Route]', `Gateway=${gateway}`, `Table=${table}`]
  return [...on_link, ...onward, '', '[RoutingPolicyRule]', `From=${own_address}/32`, `Table=${table}`]
}

/** `ConfigureWithoutCarrier`: an address is there before the bridge is, so that programs can bind to it at once. */
function innerFile(layout: Layout, leg: Extract<Leg, { to: 'segment' }>, routes: readonly string[]): string {
  const { prefix } = segmentOf(layout, leg.segment)
  return lines([
    '[Match]',
    `Name=${leg.interface}`,
    '',
    '[Link]',
    'RequiredForOnline=no',
    '',
    '[Network]',
    `Address=${leg.address}/${prefix.bits}`,
    ...leg.also.map((address) => `Address=${address}/32`),
    'ConfigureWithoutCarrier=yes',
    ...QUIET,
    ...routes,
  ])
}

/**
 * The lease depends on the MAC alone, which is the same at every site and after every replacement. Nothing else is taken
 * from the site: its names mean nothing inside, and a NAT box has no route but to the services network itself.
 */
function outerFile(leg: Leg): string {
  return lines([
    '[Match]',
    `Name=${leg.interface}`,
    '',
    '[Link]',
    'RequiredForOnline=no',
    '',
    '[Network]',
    'DHCP=ipv4',
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
  ])
}

const QUIET = ['LinkLocalAddressing=no', 'IPv6AcceptRA=no', 'LLMNR=no', 'MulticastDNS=no', 'LLDP=no']

function lines(list: readonly string[]): string {
  return `${list.join('\n')}\n`
}
