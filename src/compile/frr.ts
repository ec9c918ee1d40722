import type { Firewall } from '../stack/stack.ts'
import { type Announced, announcedBy, watchesOf } from './announced.ts'
import type { BgpFacts, CompiledAppliance } from './compiled.ts'
import { SECRETS } from './haproxy-words.ts'
import { addressIn, type Layout } from './layout.ts'
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
      // Route servers are reached by the default route that DHCP gave.
      { path: '/etc/frr/zebra.conf', text: 'ip nht resolve-via-default\n' },
      { path: '/etc/lifeboat/announce.conf', text: announceConf(layout, firewall, announced) },
    ],
    secrets: secret,
  }
}

/** To the route servers and back, as one of the connections that the firewall itself opens; and to where services are watched. */
export function bgpOutput(layout: Layout, firewall: Firewall): readonly string[] {
  if (announcedBy(layout.stack, firewall.name).length === 0) return []
  const { route_servers } = layout.facts?.bgp ?? NOBODY
  const mine = watchesOf(layout).filter((watch) => watch.firewall === firewall.name)
  const watched = new Map(mine.map((watch) => [`${watch.balancer} ${watch.segment.name}`, watch]))
  const to = route_servers.length === 1 ? route_servers[0] : `{ ${route_servers.join(', ')} }`
  return [
    rule(['oifname "outside"', `ip daddr ${to}`, 'tcp dport 179'], 'accept', 'BGP to the route servers'),
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

/** RFC 5398 and RFC 5737: an AS and addresses of nobody, where the site is not known. */
const NOBODY: BgpFacts = {
  as: 64_496,
  local_as: 64_496,
  route_servers: ['192.0.2.1', '192.0.2.2'],
  hops: 1,
  firewalls: '192.0.2.0/24',
  announce: [],
  max_length: 32,
  max_prefixes: 1,
  hold_s: 6,
  password: 'not known',
}

function bgpdConf(layout: Layout, facts: BgpFacts, announced: readonly Announced[]): string {
  const site = layout.facts?.bgp === undefined ? 'not known: stand-ins that nobody has' : layout.facts.site
  const neighbor = (words: string) => ` neighbor route-servers ${words}`
  const lines = [
    `! route servers of site ${site}`,
    ...(facts.password === undefined ? [] : [`! password ${facts.password}`]),
    ...announced.map(({ text }, index) => `ip prefix-list own seq ${5 * index + 5} permit ${text}`),
    '!',
    'route-map own permit 10',
    ' match ip address prefix-list own',
    ' set origin igp',
    ' set metric 0',
    '!',
    'route-map nothing deny 10',
    '!',
    `router bgp ${facts.local_as}`,
    ` bgp router-id ${announced[0]?.ways[0]?.address}`,
    // Whoever is gone is gone: nobody is to keep sending clients here.
    ' bgp graceful-restart-disable',
    // Nothing to collect: the first update is the whole of it.
    ' coalesce-time 0',
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
    ...facts.route_servers.map((address) => ` neighbor ${address} peer-group route-servers`),
    ' address-family ipv4 unicast',
    '  redistribute kernel route-map own',
    ` ${neighbor('route-map own out')}`,
    ` ${neighbor('route-map nothing in')}`,
    ' exit-address-family',
  ]
  return `${lines.join('\n')}\n`
}

/** Read by lifeboat-announce. */
function announceConf(layout: Layout, firewall: Firewall, announced: readonly Announced[]): string {
  const addresses = [...new Set(announced.flatMap(({ ways }) => ways.map(({ address }) => address)))]
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
