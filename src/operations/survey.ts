import { rawOf, rawWords } from '../compile/raw.ts'
import { formatBytes } from '../lib/duration.ts'
import type { Finding } from '../plan/plan.ts'
import type { SiteBgp } from '../state/sites.ts'
import { ipv6Findings } from './ipv6.ts'
import { imageOf } from './objects.ts'
import { lacksNames, lacksRoutes, lacksServices, type SiteLack } from './site-lacks.ts'
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
  found.push(...lacksByFiles(situation, view), ...asErrors(lacksNames(situation.stack, site)))
  found.push(...ipv6Findings(situation, view))
  found.push(
    ...nearlyFull(
      view,
      'a full pool ends cycles without a point and launches; keep fewer points (protect.keep), or make it larger',
    ),
  )
  found.push(...rawFindings(situation))
  return found
}

/** In every plan and report, also of what launches nothing. */
export function rawFindings({ stack }: Situation): readonly Finding[] {
  return rawOf(stack).map((raw) => ({
    level: 'note',
    what: rawWords(raw),
    hint: 'nobody checks what raw lines do: what is said of the stack may not hold for them',
    needs: undefined,
  }))
}

/** Services and routes: what has to be agreed on with others, so that a first deploy tells it of the standby too. */
export function lacksByFiles({ stack }: Situation, { site, routing = [] }: SiteView): readonly Finding[] {
  return asErrors([...lacksServices(stack, site), ...routing, ...lacksRoutes(stack, site)])
}

const asErrors = (lacks: readonly SiteLack[]): readonly Finding[] => lacks.map(({ what, hint }) => error(what, hint))

/** What the route servers say of themselves, where it is not what the site file says. */
export function otherAs(site: string, bgp: SiteBgp, seen: readonly RouteServerSight[]): readonly SiteLack[] {
  const lack = (what: string, key: string): SiteLack => ({
    what: `${what}: no session would come up`,
    hint: `correct ${key} of ${site} in the site file, or have the network team correct the route server`,
    at: undefined,
  })
  return seen.flatMap(({ place, as, firewalls_as }) => [
    ...(as === undefined || as === bgp.as
      ? []
      : [lack(`${place} of ${site} is AS ${as}, and the site file says AS ${bgp.as}`, 'bgp.as')]),
    ...(firewalls_as === undefined || firewalls_as === bgp.local_as
      ? []
      : [
          lack(
            `${place} of ${site} expects firewalls of AS ${firewalls_as}, and the site file says AS ${bgp.local_as}`,
            'bgp.local-as',
          ),
        ]),
  ])
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

export const isError = (finding: Finding): boolean => finding.level === 'error'

function error(what: string, hint: string | undefined): Finding {
  return { level: 'error', what, hint, needs: 'change' }
}
