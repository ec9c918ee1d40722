import { isWithin } from '../lib/networks.ts'
import { familyOf } from './announced.ts'
import type { BgpFacts } from './compiled.ts'
import type { Family } from './layout.ts'

/**
 * What the route servers of a site are told once, when the site is set up: who may call, and what is taken from him. For
 * the network team, in the words of FRR 8 and newer, or of Cisco IOS XE.
 *
 * The password is in it only where it is given.
 */
export function routeServerConf(site: string, bgp: BgpFacts, dialect: Dialect, password?: string): string {
  const families = ([4, 6] as const).filter((family) => bgp.announce.some((range) => familyOf(range) === family))
  const frr = dialect === 'frr'
  const lines = [
    ...head(site, bgp, password),
    ...families.flatMap((family) => filters(family, bgp)),
    // A firewall has one way out, which DHCP gave it.
    'route-map lifeboat-out deny 10',
    '!',
    `router bgp ${bgp.as}`,
    ...families.flatMap((family) => group(family, bgp, frr, password)),
    ` bgp listen limit ${most_stacks}`,
    ...families.flatMap((family) =>
      bgp.firewalls
        .filter((each) => familyOf(each) === family)
        .map((each) => ` bgp listen range ${each} peer-group ${named('lifeboat', family)}`),
    ),
    ...families.flatMap((family) => addressFamily(family, families, bgp, frr)),
    ...(frr ? ['exit'] : []),
  ]
  return `${lines.join('\n')}\n`
}

export const dialects = ['frr', 'ios'] as const
export type Dialect = (typeof dialects)[number]

/** Sessions that a route server keeps with firewalls at once. */
const most_stacks = 100

/** Names of one family; those of IPv4 are the plain ones. */
const named = (name: string, family: Family): string => (family === 4 ? name : `${name}6`)

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

function filters(family: Family, bgp: BgpFacts): readonly string[] {
  const [list, map, ip] = [
    named('lifeboat', family),
    `${named('lifeboat', family)}-in`,
    family === 4 ? 'ip' : 'ipv6',
  ] as const
  return [
    ...bgp.announce
      .filter((range) => familyOf(range) === family)
      .map((range, index) => `${ip} prefix-list ${list} seq ${5 * index + 5} permit ${lengths(range, bgp)}`),
    '!',
    `route-map ${map} permit 10`,
    ` match ${ip} address prefix-list ${list}`,
    '!',
  ]
}

function group(family: Family, bgp: BgpFacts, frr: boolean, password: string | undefined): readonly string[] {
  const ibgp = bgp.as === bgp.local_as
  const neighbor = (words: string) => ` neighbor ${named('lifeboat', family)} ${words}`
  return [
    neighbor('peer-group'),
    neighbor(`remote-as ${bgp.local_as}`),
    neighbor(`timers ${keepalive(bgp)} ${bgp.hold_s}`),
    ...(password === undefined ? [] : [neighbor(`password ${password}`)]),
    // The two go together: what is farther away than a cable is no reason to doubt its routes.
    ...(ibgp ? [] : [neighbor(`ttl-security hops ${bgp.hops}`)]),
    ...(ibgp || bgp.hops === 1 ? [] : [neighbor('disable-connected-check')]),
    // A firewall that is gone has nothing that could be kept for it.
    ...(frr ? [neighbor('graceful-restart-disable')] : []),
  ]
}

/** A session carries the prefixes of its own family alone, which is not what a router does by itself. */
function addressFamily(family: Family, families: readonly Family[], bgp: BgpFacts, frr: boolean): readonly string[] {
  const name = named('lifeboat', family)
  const neighbor = (words: string) => `  neighbor ${name} ${words}`
  const unicast = frr ? ' unicast' : ''
  const quiet = families.includes(6) ? ['  no neighbor lifeboat6 activate'] : []
  return [
    ...(family === 6 && !families.includes(4)
      ? [` address-family ipv4${unicast}`, ...quiet, ' exit-address-family']
      : []),
    ` address-family ipv${family}${unicast}`,
    neighbor('activate'),
    ...(bgp.as === bgp.local_as ? [neighbor('route-reflector-client')] : []),
    neighbor(`route-map ${name}-in in`),
    neighbor('route-map lifeboat-out out'),
    neighbor(`maximum-prefix ${bgp.max_prefixes}`),
    ...(family === 4 ? quiet : []),
    ' exit-address-family',
  ]
}

/** At least as long as the range, at most as long as is agreed; a range of that very length is matched exactly. */
function lengths(range: string, bgp: BgpFacts): string {
  const longest = longestOf(range, bgp)
  return bitsOf(range) === longest ? range : `${range} le ${longest}`
}

/** RFC 4271 section 10 suggests a third of the hold time. */
export function keepalive({ hold_s }: Pick<BgpFacts, 'hold_s'>): number {
  return Math.max(1, Math.floor(hold_s / 3))
}

/** The longest prefix that the route servers take of a family. */
export function longestOf(text: string, bgp: Pick<BgpFacts, 'max_length' | 'max_length6'>): number {
  return familyOf(text) === 4 ? bgp.max_length : bgp.max_length6
}

/** The whole of a prefix is within a range that may be announced, and no longer than is agreed. */
export function isAnnounceable(text: string, bgp: Pick<BgpFacts, 'announce' | 'max_length' | 'max_length6'>): boolean {
  return bitsOf(text) <= longestOf(text, bgp) && bgp.announce.some((range) => isWithin(text, range))
}

const bitsOf = (text: string): number => Number(text.split('/')[1])
