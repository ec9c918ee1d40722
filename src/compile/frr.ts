import { digest } from '../lib/digest.ts'
import { formatAddress } from '../lib/ip.ts'
import type { Firewall } from '../stack/stack.ts'
import { type Announced, announcedBy, familyOf, watchesOf } from './announced.ts'
import type { BgpFacts, CompiledAppliance } from './compiled.ts'
import { SECRETS } from './haproxy-words.ts'
import { addressIn, type Family, type Layout } from './layout.ts'
import { rule } from './nftables.ts'
import { keepalive } from './route-server.ts'

/** Not a name that a stack file could give to a secret: it is the site's. */
export const SITE_PASSWORD = 'site:bgp'

/**
 * BGP of a firewall: the stack's own prefix to the site's two route servers, and nothing else in either direction. bgpd
 * calls and is never called. What decides whether the prefix is announced is a route of the kernel for it, which
 * `lifeboat-announce` has as long as a service behind the prefix is served.
 *
 * FRR 8.4 and newer, zebra and bgpd alone: a link-state protocol would have the whole network believe one appliance.
 */
export function bgpOf(layout: Layout, firewall: Firewall): Pick<CompiledAppliance, 'files' | 'secrets'> {
  const announced = announcedBy(layout.stack, firewall.name)
  if (announced.length === 0) return { files: [], secrets: [] }
  const facts = layout.facts?.bgp ?? NOBODY
  const secret = facts.password === undefined ? [] : [{ path: `${SECRETS}/site-bgp`, secret: SITE_PASSWORD }]
  return {
    files: [
      { path: '/etc/frr/bgpd.conf', text: bgpdConf(layout, facts, announced) },
      // Route servers are reached by the default route that DHCP, or a router advertisement, gave.
      {
        path: '/etc/frr/zebra.conf',
        text: familiesOf(announced)
          .map((family) => `${family === 4 ? 'ip' : 'ipv6'} nht resolve-via-default\n`)
          .join(''),
      },
      { path: '/etc/lifeboat/announce.conf', text: announceConf(layout, firewall, announced) },
    ],
    secrets: secret,
  }
}

/** To the route servers and back, as one of the connections that the firewall itself opens; and to where services are watched. */
export function bgpOutput(layout: Layout, firewall: Firewall): readonly string[] {
  const announced = announcedBy(layout.stack, firewall.name)
  if (announced.length === 0) return []
  const facts = layout.facts?.bgp ?? NOBODY
  const mine = watchesOf(layout).filter((watch) => watch.firewall === firewall.name)
  const watched = new Map(mine.map((watch) => [`${watch.balancer} ${watch.segment.name}`, watch]))
  return [
    ...familiesOf(announced).flatMap((family) => {
      const servers = facts.route_servers.filter((each) => familyOf(each) === family)
      const to = servers.length === 1 ? servers[0] : `{ ${servers.join(', ')} }`
      const where = `${family === 4 ? 'ip' : 'ip6'} daddr ${to}`
      return servers.length === 0
        ? []
        : [rule(['oifname "outside"', where, 'tcp dport 179'], 'accept', 'BGP to the route servers')]
    }),
    ...[...watched.values()].map(({ balancer, segment, port }) =>
      rule(
        [
          `oifname "${segment.interface}"`,
          `ip daddr ${addressIn(layout, balancer, segment.name)}`,
          `tcp dport ${port}`,
        ],
        'accept',
        `does ${balancer} serve?`,
      ),
    ),
  ]
}

/** RFC 5398, RFC 5737 and RFC 3849: an AS and addresses of nobody, where the site is not known. */
const NOBODY: BgpFacts = {
  as: 64_496,
  local_as: 64_496,
  route_servers: ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'],
  hops: 1,
  firewalls: ['192.0.2.0/24', '2001:db8::/64'],
  announce: [],
  max_length: 32,
  max_length6: 128,
  max_prefixes: 1,
  hold_s: 6,
  password: 'not known',
}

function bgpdConf(layout: Layout, facts: BgpFacts, announced: readonly Announced[]): string {
  const site = layout.facts?.bgp === undefined ? 'not known: stand-ins that nobody has' : layout.facts.site
  const families = familiesOf(announced)
  const lines = [
    `! route servers of site ${site}`,
    ...(facts.password === undefined ? [] : [`! password ${facts.password}`]),
    ...families.flatMap((family) => ownPrefixes(family, announced)),
    'route-map nothing deny 10',
    '!',
    `router bgp ${facts.local_as}`,
    ` bgp router-id ${routerId(layout, announced)}`,
    // Whoever is gone is gone: nobody is to keep sending clients here.
    ' bgp graceful-restart-disable',
    // Nothing to collect: the first update is the whole of it.
    ' coalesce-time 0',
    ...families.flatMap((family) => sessions(family, facts)),
    ...families.flatMap((family) => addressFamily(family, families)),
  ]
  return `${lines.join('\n')}\n`
}

/** Names of one family in bgpd; those of IPv4 are the plain ones. */
const named = (name: string, family: Family): string => (family === 4 ? name : `${name}6`)

function ownPrefixes(family: Family, announced: readonly Announced[]): readonly string[] {
  const own = named('own', family)
  const ip = family === 4 ? 'ip' : 'ipv6'
  return [
    ...announced
      .filter((each) => each.family === family)
      .map(({ text }, index) => `${ip} prefix-list ${own} seq ${5 * index + 5} permit ${text}`),
    '!',
    `route-map ${own} permit 10`,
    ` match ${ip} address prefix-list ${own}`,
    ' set origin igp',
    ' set metric 0',
    '!',
  ]
}

/** A family goes by sessions of its own: what is announced is announced where its packets can come (docs/decisions/021). */
function sessions(family: Family, facts: BgpFacts): readonly string[] {
  const group = named('route-servers', family)
  const neighbor = (words: string) => ` neighbor ${group} ${words}`
  return [
    neighbor('peer-group'),
    neighbor(`remote-as ${facts.as}`),
    ...(facts.password === undefined ? [] : [neighbor(`password @secret site-bgp@`)]),
    neighbor(`timers ${keepalive(facts)} ${facts.hold_s}`),
    neighbor('timers connect 1'),
    // RFC 5082: who is farther away than agreed is not a route server of this site.
    ...(facts.as === facts.local_as
      ? []
      : [
          neighbor(`ttl-security hops ${facts.hops}`),
          ...(facts.hops > 1 ? [neighbor('disable-connected-check')] : []),
        ]),
    ...facts.route_servers
      .filter((address) => familyOf(address) === family)
      .map((address) => ` neighbor ${address} peer-group ${group}`),
  ]
}

/** IPv4 is what bgpd talks about unless it is told not to. */
function addressFamily(family: Family, families: readonly Family[]): readonly string[] {
  const neighbor = (words: string) => `  neighbor ${named('route-servers', family)} ${words}`
  const quiet = families.includes(6) ? ['  no neighbor route-servers6 activate'] : []
  if (family === 4)
    return [
      ' address-family ipv4 unicast',
      '  redistribute kernel route-map own',
      neighbor('route-map own out'),
      neighbor('route-map nothing in'),
      ...quiet,
      ' exit-address-family',
    ]
  return [
    ...(families.includes(4) ? [] : [' address-family ipv4 unicast', ...quiet, ' exit-address-family']),
    ' address-family ipv6 unicast',
    '  redistribute kernel route-map own6',
    neighbor('activate'),
    neighbor('route-map own6 out'),
    neighbor('route-map nothing in'),
    ' exit-address-family',
  ]
}

/** RFC 6286: 32 bits that no other speaker of the AS has; where the stack has no IPv4 address of its own, made from its name. */
function routerId({ stack }: Layout, announced: readonly Announced[]): string {
  const own = announced.find(({ family }) => family === 4)?.ways[0]?.address
  if (own !== undefined) return own
  return formatAddress(Number.parseInt(digest(['router-id', stack.name]).slice(0, 8), 16) || 1)
}

const familiesOf = (announced: readonly Announced[]): readonly Family[] =>
  ([4, 6] as const).filter((family) => announced.some((each) => each.family === family))

/** Read by lifeboat-announce, which holds the addresses that are translated; those of IPv6 are the load balancer's. */
function announceConf(layout: Layout, firewall: Firewall, announced: readonly Announced[]): string {
  const translated = announced.filter(({ family }) => family === 4)
  const addresses = [...new Set(translated.flatMap(({ ways }) => ways.map(({ address }) => address)))]
  const watches = watchesOf(layout).filter((watch) => watch.firewall === firewall.name)
  const lines = announced.flatMap(({ text, ways }) =>
    watches
      .filter(({ service }) => ways.some((way) => way.service === service))
      .map(
        ({ balancer, segment, port, service }) =>
          `${text} http://${addressIn(layout, balancer, segment.name)}:${port}/${service}`,
      ),
  )
  return `${[...addresses.map((address) => `address ${address}`), ...lines].join('\n')}\n`
}
