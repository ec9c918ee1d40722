import type { Border, Side } from './border.ts'
import type { ConfigFile } from './compiled.ts'

/** The table by which packets for an allowed service leave, and no others. */
const TABLE = 100

/** One systemd-networkd file per leg of the border; see systemd.network(5). */
export function borderLegs(border: Omit<Border, 'files'>): ConfigFile[] {
  const { outside, services, site_leg } = border
  const legs = [file('outside', [...addresses(outside, []), ...routes(border, 'outside', outside)])]
  if (services !== undefined) {
    const allowed = new Set(services.doors.filter((door) => door.how === 'allow').map((door) => door.address))
    const denied = services.doors.filter((door) => door.how === 'deny' && !allowed.has(door.address))
    const proxy = site_leg ? ['IPv4ProxyARP=yes'] : []
    legs.push(
      file('services', [
        ...addresses(services, [...new Set(denied.map((door) => door.address))]),
        ...proxy,
        ...routes(border, 'services', services),
      ]),
    )
  }
  if (services !== undefined && site_leg) legs.push(file('site', siteLeg(services.doors)))
  return legs
}

/** The site's own services network has the same prefix as the bubble's: its routes are in a table of their own. */
function siteLeg(doors: NonNullable<Border['services']>['doors']): string[] {
  const allowed = new Set(doors.filter((door) => door.how === 'allow').map((door) => door.address))
  return [
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
    'UseGateway=no',
    `RouteTable=${TABLE}`,
    ...[...allowed].flatMap((address) => [
      '',
      '[RoutingPolicyRule]',
      'IncomingInterface=services',
      `To=${address}/32`,
      `Table=${TABLE}`,
      'Priority=100',
    ]),
  ]
}

function addresses(side: Side, also: readonly string[]): string[] {
  return [
    `Address=${side.address}/${side.prefix.bits}`,
    ...also.map((address) => `Address=${address}/32`),
    ...(side.ipv6 === undefined ? [] : [`Address=${side.ipv6.address}/64`]),
    'ConfigureWithoutCarrier=yes',
    ...(side.ipv6 === undefined ? QUIET : ['LinkLocalAddressing=ipv6', ...QUIET.slice(1)]),
  ]
}

function routes({ inside }: Omit<Border, 'files'>, leg: 'outside' | 'services', side: Side): string[] {
  return inside
    .filter((each) => each.leg === leg)
    .flatMap(({ prefix, by }) => {
      const leases = prefix.includes(':') ? (side.ipv6?.leases ?? []) : side.leases
      const gateway = leases.find((lease) => lease.instance === by)?.address
      return gateway === undefined ? [] : ['', '[Route]', `Destination=${prefix}`, `Gateway=${gateway}`]
    })
}

const QUIET = ['LinkLocalAddressing=no', 'IPv6AcceptRA=no', 'LLMNR=no', 'MulticastDNS=no', 'LLDP=no']

function file(leg: string, network: readonly string[]): ConfigFile {
  const lines = ['[Match]', `Name=${leg}`, '', '[Link]', 'RequiredForOnline=no', '', '[Network]', ...network]
  return { path: `/etc/systemd/network/10-${leg}.network`, text: `${lines.join('\n')}\n` }
}
