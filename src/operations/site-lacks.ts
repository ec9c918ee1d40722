import { familyOf } from '../compile/announced.ts'
import type { Family } from '../compile/layout.ts'
import { isAnnounceable } from '../compile/route-server.ts'
import { looksLike6 } from '../lib/ip6.ts'
import { commonOf } from '../lib/networks.ts'
import type { Finding, Planned } from '../plan/plan.ts'
import type { Place } from '../stack/problem.ts'
import type { Path } from '../stack/source.ts'
import type { Stack } from '../stack/stack.ts'
import type { Site, SiteBgp } from '../state/sites.ts'

/** Something that a site does not have for a stack; `at` is where the stack file names what it is about. */
export type SiteLack = { readonly what: string; readonly hint: string | undefined; readonly at: Path | undefined }

/** What the two files alone tell, without a look at the site. */
export function siteLacks(stack: Stack, site: Site): readonly SiteLack[] {
  return [...lacksServices(stack, site), ...lacksRoutes(stack, site), ...lacksNames(stack, site)]
}

/** Central services that the site file gives no address for: the NAT box there would not know where to. */
export function lacksServices(stack: Stack, site: Site): readonly SiteLack[] {
  const reached = [...new Set(stack.nats.flatMap((nat) => nat.reaches))]
  const absent = reached
    .filter((name) => site.services[name] === undefined)
    .map((name) => ({
      what: `service "${name}" has no address at ${site.name}`,
      hint: `add services: { ${name}: ADDRESS } to ${site.name} in the site file`,
      at: ['services', name],
    }))
  const datagrams = stack.services
    .filter(({ name, protocol }) => protocol === 'udp' && reached.includes(name))
    .filter(({ name }) => looksLike6(site.services[name] ?? ''))
    .map(({ name }) => ({
      what: `service "${name}" is at an IPv6 address at ${site.name}, and its datagrams would have to be translated to get there`,
      hint: `the proxy of a NAT box carries TCP: give the IPv4 address of ${name} in the site file`,
      at: ['services', name],
    }))
  return [...absent, ...datagrams]
}

/** The site announces the stack's own prefixes. */
export function lacksRoutes(stack: Stack, { name, bgp, outside_ipv6 }: Site): readonly SiteLack[] {
  const prefixes = new Set(stack.ingress.flatMap(({ own }) => own.map(({ prefix }) => prefix)))
  return [...prefixes].flatMap((prefix): SiteLack[] => {
    const at = placeOfPrefix(stack, prefix)
    const family = familyOf(prefix)
    const servers = bgp?.route_servers.filter((each) => familyOf(each) === family) ?? []
    if (bgp === undefined || servers.length === 0)
      return [
        {
          what: `${name} has no route servers to announce ${prefix} to`,
          hint:
            bgp === undefined
              ? 'add bgp to the site in the site file'
              : `an IPv${family} prefix goes by an IPv${family} session: add their addresses to bgp.route-servers of ${name}`,
          at,
        },
      ]
    if (family === 6 && outside_ipv6 !== true)
      return [
        {
          what: `${prefix} can not be announced at ${name}: its outside network has no IPv6, so that nothing could be routed to the firewall`,
          hint: `give it IPv6, and say so: outside: { ipv6: true } of ${name} in the site file`,
          at,
        },
      ]
    if (isAnnounceable(prefix, bgp)) return []
    return [
      {
        what: `${prefix} can not be announced at ${name}: it takes ${takenBy(bgp, family)}`,
        hint: `agree on it with the network team, add it to bgp.announce of ${name} in the site file, and give them what lifeboat site routes ${name} prints`,
        at,
      },
    ]
  })
}

function takenBy(bgp: SiteBgp, family: Family): string {
  const ranges = bgp.announce.filter((each) => familyOf(each) === family)
  const longest = family === 4 ? bgp.max_length : bgp.max_length6
  return ranges.length === 0 ? `no IPv${family} prefix` : `${ranges.join(', ')}, no longer than /${longest}`
}

/** Where a stack file names a prefix, or one that has a part in common with it. */
export function placeOfPrefix(stack: Stack, prefix: string): Path | undefined {
  return stack.ingress.flatMap(({ name, own }) => {
    const index = own.findIndex((each) => commonOf(each.prefix, prefix) !== undefined)
    return index < 0 ? [] : [['ingress', name, 'prefix', ...(own.length > 1 ? [index] : [])]]
  })[0]
}

/** Somebody has to take the names of the stack. */
export function lacksNames(stack: Stack, { name, dns }: Site): readonly SiteLack[] {
  const named = stack.ingress.filter((entry) => entry.dns)
  const [first] = named
  if (first === undefined) return []
  if (dns === undefined)
    return [
      {
        what: `${name} has no DNS server for ${named.map((entry) => entry.name).join(', ')}`,
        hint: 'add dns to the site in the site file',
        at: ['ingress', first.name],
      },
    ]
  return named
    .filter((entry) => entry.name !== dns.zone && !entry.name.endsWith(`.${dns.zone}`))
    .map((entry) => ({
      what: `${entry.name} is not in the zone ${dns.zone} that ${name} may update`,
      hint: `a name of ${dns.zone}, or another server and zone under dns of ${name} in the site file`,
      at: ['ingress', entry.name],
    }))
}

/** Findings with the place of the stack file that names what they are about, where it is known. */
export function withPlaces(
  planned: Planned,
  known: readonly Pick<SiteLack, 'what' | 'at'>[],
  locate: (path: Path) => Place,
): Planned {
  const spots = new Map(known.flatMap(({ what, at }) => (at === undefined ? [] : [[what, at] as const])))
  const placed = (finding: Finding): Finding => {
    const at = spots.get(finding.what)
    return at === undefined ? finding : { ...finding, place: placeWords(locate(at)) }
  }
  return 'refused' in planned
    ? { refused: planned.refused.map(placed) }
    : { plan: { ...planned.plan, findings: planned.plan.findings.map(placed) } }
}

export const placeWords = ({ file, line, column }: Place): string => `${file}:${line}:${column}`
