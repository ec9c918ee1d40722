import type { SiteView } from '../api/watch.ts'
import { limitAt } from '../state/wan.ts'
import type { Controller } from './controller.ts'

/** A site as this controller sees it. */
export function siteView({ lifeboat, lookout, peers, pools }: Controller, name: string): SiteView {
  const seen = lookout.sites.get(name)
  const roles = [...lookout.seen.values()].map(({ status }) => status.sites.find((each) => each.site === name)?.role)
  const count = (role: string) => roles.filter((each) => each === role).length
  const site = lifeboat.sites.sites.find((each) => each.name === name)
  return {
    site: name,
    answers: seen?.survey !== undefined,
    silence: seen === undefined ? 'not looked at yet' : seen.silence,
    at: seen?.at ?? lifeboat.clock.now().toISOString(),
    clock_ahead_ms: seen?.survey?.clock_ahead_ms,
    pool:
      seen?.survey === undefined
        ? undefined
        : { ...seen.survey.pool, full_on: pools.fullOn(name, lifeboat.clock.now())?.toISOString() },
    wan:
      site?.wan === undefined
        ? undefined
        : {
            limit_bps: site.wan.limit_bps,
            now_bps: limitAt(site.wan, lifeboat.clock.now()),
            held: site.wan.relay !== undefined,
          },
    bgp: site?.bgp === undefined ? undefined : { as: site.bgp.as, route_servers: [...site.bgp.route_servers] },
    images: seen?.survey === undefined ? undefined : Object.keys(seen.survey.images).length,
    stacks: { active: count('active'), standby: count('standby'), stale: count('stale') },
    services: Object.entries(site?.services ?? {}).map(([service, address]) => ({ name: service, address })),
    controller: peers.seen.get(name) ?? { site: name, state: 'none' },
  }
}
