import { lastOf, prefix } from '../lib/ip.ts'
import type { BgpFacts } from './compiled.ts'

/**
 * What the route servers of a site are told once, when the site is set up: who may call, and what is taken from him. For
 * the network team, in the words of FRR 8 and newer, or of Cisco IOS XE.
 *
 * The password is in it only where it is given.
 */
export function routeServerConf(site: string, bgp: BgpFacts, dialect: Dialect, password?: string): string {
  const ibgp = bgp.as === bgp.local_as
  const frr = dialect === 'frr'
  const neighbor = (words: string) => ` neighbor lifeboat ${words}`
  const lines = [
    ...head(site, bgp, password),
    ...bgp.announce.map((range, index) => `ip prefix-list lifeboat seq ${5 * index + 5} permit ${lengths(range, bgp)}`),
    '!',
    'route-map lifeboat-in permit 10',
    ' match ip address prefix-list lifeboat',
    '!',
    // A firewall has one way out, which DHCP gave it.
    'route-map lifeboat-out deny 10',
    '!',
    `router bgp ${bgp.as}`,
    neighbor('peer-group'),
    neighbor(`remote-as ${bgp.local_as}`),
    neighbor(`timers ${keepalive(bgp)} ${bgp.hold_s}`),
    ...(password === undefined ? [] : [neighbor(`password ${password}`)]),
    // The two go together: what is farther away than a cable is no reason to doubt its routes.
    ...(ibgp ? [] : [neighbor(`ttl-security hops ${bgp.hops}`)]),
    ...(ibgp || bgp.hops === 1 ? [] : [neighbor('disable-connected-check')]),
    // A firewall that is gone has nothing that could be kept for it.
    ...(frr ? [neighbor('graceful-restart-disable')] : []),
    ` bgp listen limit ${most_stacks}`,
    ` bgp listen range ${bgp.firewalls} peer-group lifeboat`,
    ` address-family ipv4${frr ? ' unicast' : ''}`,
    ` ${neighbor('activate')}`,
    ...(ibgp ? [` ${neighbor('route-reflector-client')}`] : []),
    ` ${neighbor('route-map lifeboat-in in')}`,
    ` ${neighbor('route-map lifeboat-out out')}`,
    ` ${neighbor(`maximum-prefix ${bgp.max_prefixes}`)}`,
    ' exit-address-family',
    ...(frr ? ['exit'] : []),
  ]
  return `${lines.join('\n')}\n`
}

export const dialects = ['frr', 'ios'] as const
export type Dialect = (typeof dialects)[number]

/** Sessions that a route server keeps with firewalls at once. */
const most_stacks = 100

function head(site: string, bgp: BgpFacts, password: string | undefined): string[] {
  const session = bgp.as === bgp.local_as ? 'IBGP' : `EBGP from AS ${bgp.local_as}`
  return [
    `! For the route servers of ${site}: ${bgp.route_servers.join(' and ')}, AS ${bgp.as}, ${session}.`,
    '! Firewalls of stacks call; the route servers never do.',
    ...(password === undefined
      ? bgp.password === undefined
        ? ['! The site file names no password: whoever has an address of that network can announce these prefixes.']
        : ['! The password is left out: --password puts it in (`neighbor lifeboat password ...`).']
      : []),
    '!',
  ]
}

/** At least as long as the range, at most as long as is agreed; a range of that very length is matched exactly. */
function lengths(range: string, bgp: BgpFacts): string {
  const { bits } = prefix(range)
  return bits === bgp.max_length ? range : `${range} le ${bgp.max_length}`
}

/** RFC 4271 section 10 suggests a third of the hold time. */
export function keepalive({ hold_s }: Pick<BgpFacts, 'hold_s'>): number {
  return Math.max(1, Math.floor(hold_s / 3))
}

/** The whole of a prefix is within a range that may be announced, and no longer than is agreed. */
export function isAnnounceable(text: string, bgp: Pick<BgpFacts, 'announce' | 'max_length'>): boolean {
  const wanted = prefix(text)
  return (
    wanted.bits <= bgp.max_length &&
    bgp.announce.map(prefix).some((range) => range.network <= wanted.network && lastOf(wanted) <= lastOf(range))
  )
}
