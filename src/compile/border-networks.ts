import { looksLike6 } from '../lib/ip6.ts'
import type { Border, Side } from './border.ts'
import type { ConfigFile } from './compiled.ts'
import { outerFile6, TAKES6 } from './network-files.ts'

/** The table by which packets for an allowed service leave, and no others. */
const TABLE = 100

/** One systemd-networkd file per leg of the border; see systemd.network(5). */
export function borderLegs(border: Omit<Border, 'files'>): ConfigFile[] {
  const { outside, services, site_leg } = border
  const legs = [file('outside', [...addresses(outside, []), ...routes(border, 'outside', outside)])]
  if (services !== undefined) {
    const allowed = new Set(services.doors.filter((door) => door.how === 'allow').map((door) => door.address))
    const denied = services.doors.filter((door) => door.how === 'deny' && !allowed.has(door.address))
    const neighbours = [...allowed].filter(looksLike6).map((address) => `IPv6ProxyNDPAddress=${address}`)
    const proxy = site_leg
      ? ['IPv4ProxyARP=yes', ...(neighbours.length > 0 ? ['IPv6ProxyNDP=yes', ...neighbours] : [])]
      : []
    legs.push(
      file('services', [
        ...addresses(services, [...new Set(denied.map((door) => door.address))]),
        ...proxy,
        ...routes(border, 'services', services),
      ]),
    )
  }
  if (services !== undefined && site_leg) legs.push(file('site', siteLeg(services)))
  return legs
}

/** The site's own services network has the same prefix as the bubble's: its routes are in a table of their own. */
function siteLeg({ doors, ipv6 }: NonNullable<Border['services']>): string[] {
  const allowed = new Set(doors.filter((door) => door.how === 'allow').map((door) => door.address))
  return [
    'DHCP=ipv4',
    ...(ipv6 === undefined ? QUIET : [...TAKES6, ...QUIET.slice(2)]),
    '',
    '[DHCPv4]',
    'ClientIdentifier=mac',
    'SendHostname=no',
    'UseHostname=no',
    'UseDNS=no',
    'UseDomains=no',
    'UseNTP=no',
    'UseGateway=no',
    `RouteTable=${TABLE}`,
    ...(ipv6 === undefined ? [] : outerFile6('services', [`RouteTable=${TABLE}`])),
    ...[...allowed].flatMap((address) => [
      '',
      '[RoutingPolicyRule]',
      'IncomingInterface=services',
      `To=${hostPrefix(address)}`,
      `Table=${TABLE}`,
      'Priority=100',
    ]),
  ]
}

function addresses(side: Side, also: readonly string[]): string[] {
  return [
    `Address=${side.address}/${side.prefix.bits}`,
    ...also.map((address) => `Address=${hostPrefix(address)}`),
    ...(side.ipv6 === undefined ? [] : [`Address=${side.ipv6.address}/64`]),
    'ConfigureWithoutCarrier=yes',
    ...(side.ipv6 === undefined ? QUIET : ['LinkLocalAddressing=ipv6', ...QUIET.slice(1)]),
  ]
}

function routes({ inside, announced }: Omit<Border, 'files'>, leg: 'outside' | 'services', side: Side): string[] {
  return [...inside, ...announced.map((each) => ({ ...each, leg: 'outside' }))]
    .filter((each) => each.leg === leg)
    .flatMap(({ prefix, by }) => {
      const leases = prefix.includes(':') ? (side.ipv6?.leases ?? []) : side.leases
      const gateway = leases.find((lease) => lease.instance === by)?.address
      return gateway === undefined ? [] : ['', '[Route]', `Destination=${prefix}`, `Gateway=${gateway}`]
    })
}

const hostPrefix = (address: string): string => `${address}/${looksLike6(address) ? 128 : 32}`

const QUIET = ['LinkLocalAddressing=no', 'IPv6AcceptRA=no', 'LLMNR=no', 'MulticastDNS=no', 'LLDP=no']

function file(leg: string, network: readonly string[]): ConfigFile {
  const lines = ['[Match]', `Name=${leg}`, '', '[Link]', 'RequiredForOnline=no', '', '[Network]', ...network]
  return { path: `/etc/systemd/network/10-${leg}.network`, text: `${lines.join('\n')}\n` }
}
