import { familyOf } from '../compile/announced.ts'
import type { Family } from '../compile/layout.ts'
import { rawOf, rawWords } from '../compile/raw.ts'
import { isAnnounceable } from '../compile/route-server.ts'
import { formatBytes } from '../lib/duration.ts'
import { looksLike6 } from '../lib/ip6.ts'
import type { Finding } from '../plan/plan.ts'
import type { SiteBgp } from '../state/sites.ts'
import { announcers } from './ingress.ts'
import { ipv6Findings } from './ipv6.ts'
import { imageOf } from './objects.ts'
import { type DnsSight, type RouteServerSight, type SiteView, type Situation, unseen } from './situation.ts'

/** Copy-on-write pools need room to breathe: below this share of free bytes it is time to act. */
const full = 0.05

/** What a site lacks to launch the stack, found before anything is changed. */
export function lacks(situation: Situation, view: SiteView): readonly Finding[] {
  const { answer, site, compiled } = view
  if (answer === undefined) return [error(unseen(view), undefined)]
  const { survey } = answer
  const found: Finding[] = []
  for (const image of new Set(compiled.instances.map(imageOf))) {
    if (survey.images[image] === undefined) {
      found.push(
        error(
          `image "${image}" is not at ${site.name}`,
          `incus image copy it there, or import it under the alias ${image}`,
        ),
      )
    }
  }
  const outside = compiled.instances.some((instance) => instance.legs.some((leg) => leg.to === 'outside'))
  const services = compiled.instances.some((instance) => instance.legs.some((leg) => leg.to === 'services'))
  if (outside && !survey.outside) {
    found.push(
      error(
        `the outside bridge "${site.outside_bridge}" is not at ${site.name}`,
        'name the bridge of the outside network in the site file',
      ),
    )
  }
  if (services && !survey.services_network) {
    found.push(
      error(
        `the services bridge "${site.services_bridge ?? '(none named)'}" is not at ${site.name}`,
        'name it under services-network in the site file',
      ),
    )
  }
  for (const { network, alone } of survey.without_dhcp ?? []) {
    const bridge = network === 'outside' ? site.outside_bridge : site.services_bridge
    if (!(network === 'outside' ? outside : services)) continue
    const what = `nobody gives addresses on the ${network} bridge "${bridge}" at ${site.name}: its DHCP is off in Incus`
    const hint = `incus network set ${bridge} ipv4.dhcp true, give it bridge.external_interfaces, or see that an instance serves DHCP there`
    found.push(
      alone
        ? error(`${what}, it has no uplink, and nothing on it could serve DHCP`, hint)
        : { level: 'warning', what: `${what} and it has no uplink`, hint, needs: undefined },
    )
  }
  found.push(...lacksServices(situation, view))
  found.push(...lacksRoutes(situation, view))
  const named = situation.stack.ingress.filter((entry) => entry.dns)
  if (named.length > 0 && site.dns === undefined) {
    found.push(
      error(
        `${site.name} has no DNS server for ${named.map((entry) => entry.name).join(', ')}`,
        'add dns to the site in the site file',
      ),
    )
  }
  for (const entry of named) {
    const zone = site.dns?.zone
    if (zone !== undefined && entry.name !== zone && !entry.name.endsWith(`.${zone}`)) {
      found.push(error(`${entry.name} is not in the zone ${zone} that ${site.name} may update`, undefined))
    }
  }
  found.push(...ipv6Findings(situation, view))
  found.push(
    ...nearlyFull(
      view,
      'a full pool ends cycles without a point and launches; keep fewer points (protect.keep), or make it larger',
    ),
  )
  for (const raw of rawOf(situation.stack)) {
    found.push({
      level: 'note',
      what: rawWords(raw),
      hint: 'nobody checks what raw lines do: what is said of the stack may not hold for them',
      needs: undefined,
    })
  }
  return found
}

/** The site announces the stack's own prefixes, and nobody else has them. */
export function lacksRoutes(situation: Situation, { site, routing = [] }: SiteView): readonly Finding[] {
  const { bgp } = site
  const prefixes = announcers(situation.stack).flatMap((each) => each.prefixes)
  const told = routing.map((what) => error(what, undefined))
  return told.concat(
    prefixes.flatMap((prefix) => {
      const family = familyOf(prefix)
      const servers = bgp?.route_servers.filter((each) => familyOf(each) === family) ?? []
      if (bgp === undefined || servers.length === 0)
        return [
          error(
            `${site.name} has no route servers to announce ${prefix} to`,
            bgp === undefined
              ? 'add bgp to the site in the site file'
              : `an IPv${family} prefix goes by an IPv${family} session: add their addresses to bgp.route-servers of ${site.name}`,
          ),
        ]
      if (family === 6 && site.outside_ipv6 !== true)
        return [
          error(
            `${prefix} can not be announced at ${site.name}: its outside network has no IPv6, so that nothing could be routed to the firewall`,
            `give it IPv6, and say so: outside: { ipv6: true } of ${site.name} in the site file`,
          ),
        ]
      if (!isAnnounceable(prefix, bgp))
        return [
          error(
            `${prefix} can not be announced at ${site.name}: it takes ${takenBy(bgp, family)}`,
            `agree on it with the network team, add it to bgp.announce of ${site.name} in the site file, and give them what lifeboat site routes ${site.name} prints`,
          ),
        ]
      return []
    }),
  )
}

/** What the route servers say of themselves, where it is not what the site file says. */
export function otherAs(site: string, bgp: SiteBgp, seen: readonly RouteServerSight[]): readonly string[] {
  return seen.flatMap(({ place, as, firewalls_as }) => [
    ...(as === undefined || as === bgp.as
      ? []
      : [`${place} of ${site} is AS ${as}, and the site file says AS ${bgp.as}: no session would come up`]),
    ...(firewalls_as === undefined || firewalls_as === bgp.local_as
      ? []
      : [
          `${place} of ${site} expects firewalls of AS ${firewalls_as}, and the site file says AS ${bgp.local_as}: no session would come up`,
        ]),
  ])
}

function takenBy(bgp: SiteBgp, family: Family): string {
  const ranges = bgp.announce.filter((each) => familyOf(each) === family)
  const longest = family === 4 ? bgp.max_length : bgp.max_length6
  return ranges.length === 0 ? `no IPv${family} prefix` : `${ranges.join(', ')}, no longer than /${longest}`
}

/**
 * What the site's DNS server would not do for the stack's names. A launch goes on without it where waiting would cost more
 * than a name that still leads elsewhere: `level` is the operation's.
 */
export function dnsFindings(view: SiteView, level: 'error' | 'warning'): readonly Finding[] {
  return (view.dns ?? []).flatMap((sight) =>
    sight.says === 'good'
      ? []
      : [
          {
            level,
            what: `DNS at ${view.site.name}, ${sight.says.replace('-', ' ')}: ${sight.what}`,
            hint: dnsHint(view, sight),
            needs: level === 'error' ? ('change' as const) : undefined,
          },
        ],
  )
}

function dnsHint(view: SiteView, { name, says }: DnsSight): string {
  const { dns } = view.site
  switch (says) {
    case 'refused':
      return `${name} stays where it leads now until the server lets the key ${dns?.key.name ?? ''} change it`
    case 'bad-key':
      return `put the key that the server has into ${dns?.key.file ?? 'the key file'}; until then ${name} stays where it leads now`
    case 'clock':
      return 'set the clock; TSIG allows 300 s'
    default:
      return `until the server takes updates ${name} stays where it leads now`
  }
}

/** Where the stack runs, a full pool stops its databases, not Lifeboat alone. */
export const activeNearlyFull = (view: SiteView): readonly Finding[] =>
  nearlyFull(view, 'when it is full the stack itself cannot write any more, and no point can be taken; make it larger')

function nearlyFull(view: SiteView, hint: string): readonly Finding[] {
  const pool = view.answer?.survey.pool
  if (pool === undefined || pool.free_bytes >= pool.total_bytes * full) return []
  const left = `${formatBytes(pool.free_bytes)} of ${formatBytes(pool.total_bytes)} left`
  return [
    {
      level: 'warning',
      what: `pool ${pool.name} at ${view.site.name} is nearly full: ${left}`,
      hint,
      needs: undefined,
    },
  ]
}

/** Central services that the site file gives no address for: the NAT box there would not know where to. */
export function lacksServices({ stack }: Situation, { site }: SiteView): readonly Finding[] {
  const reached = stack.nats.flatMap((nat) => nat.reaches)
  const absent = reached
    .filter((name) => site.services[name] === undefined)
    .map((name) =>
      error(
        `service "${name}" has no address at ${site.name}`,
        `add services: { ${name}: ADDRESS } to ${site.name} in the site file`,
      ),
    )
  const datagrams = stack.services
    .filter(({ name, protocol }) => protocol === 'udp' && reached.includes(name))
    .filter(({ name }) => looksLike6(site.services[name] ?? ''))
    .map(({ name }) =>
      error(
        `service "${name}" is at an IPv6 address at ${site.name}, and its datagrams would have to be translated to get there`,
        `the proxy of a NAT box carries TCP: give the IPv4 address of ${name} in the site file`,
      ),
    )
  return [...absent, ...datagrams]
}

export const isError = (finding: Finding): boolean => finding.level === 'error'

function error(what: string, hint: string | undefined): Finding {
  return { level: 'error', what, hint, needs: 'change' }
}
