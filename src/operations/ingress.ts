import type { Step, TouchPoint } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Firewall } from '../stack/stack.ts'
import type { Area } from '../state/objects.ts'
import { groupsOf } from './launch.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * Lets clients in and sees that they get in. The names are pointed at the firewall as soon as it has its address, while
 * machines still boot: what resolvers hold of the old address then runs out during the launch, not after it.
 */
export function ingress(situation: Situation, view: SiteView, area: Area, undoable: boolean): readonly Step[] {
  const { stack } = situation
  const site = view.site.name
  const legs = outsideLegs(view)
  const leases = legs.map(({ appliance, leg }) =>
    step(
      'ingress',
      site,
      `lease ${appliance}`,
      { do: 'lease', instance: { area, name: appliance }, interface: leg, within_s: 30 },
      `the ${leg} network gives the address`,
      { after: [`start ${appliance}`] },
    ),
  )
  const names = stack.ingress.flatMap((entry) => {
    const firewall = firewallOf(stack.firewalls, entry.to)
    if (firewall === undefined || view.site.dns === undefined) return []
    const lease_step = `lease ${firewall.name}`
    return [
      step(
        'ingress',
        site,
        `dns ${entry.name}`,
        { do: 'dns', name: entry.name, ttl_s: entry.ttl_s, lease_step },
        `clients find ${entry.to} by this name`,
        {
          after: [lease_step],
          undo: undoable ? [{ do: 'dns-remove', name: entry.name }] : [],
        },
      ),
      ...situation.clients
        .filter((place) => place.resolver !== undefined)
        .map((place) =>
          step(
            'verify',
            site,
            `resolver of ${place.name} ${entry.name}`,
            { do: 'dns-seen', place: place.name, name: entry.name, lease_step, within_s: entry.ttl_s + 30 },
            'a cached answer may live as long as its TTL',
            { after: [`dns ${entry.name}`] },
          ),
        ),
    ]
  })
  return [...leases, ...names, ...checks(situation, view)]
}

/** The stack's own checks, at every client's place, once all that they go through is up. */
function checks(situation: Situation, view: SiteView): readonly Step[] {
  const after = [
    ...groupsOf(view).map(([group]) => `ready ${group}`),
    ...situation.stack.ingress.map((entry) => `dns ${entry.name}`),
  ]
  return situation.clients.flatMap((place) =>
    situation.stack.checks.map((check, index) =>
      step(
        'verify',
        view.site.name,
        `check ${index + 1} at ${place.name}`,
        {
          do: 'check',
          place: place.name,
          check: { method: check.method, url: check.url, status: check.status },
          within_s: 90,
        },
        check.words,
        { after },
      ),
    ),
  )
}

/** What outside the stack has to change when it comes up at a site. */
export function touchPoints(situation: Situation, view: SiteView): readonly TouchPoint[] {
  return [
    ...situation.stack.ingress.map((entry) => ({
      kind: 'dns-record' as const,
      what: `${entry.name} A, TTL ${entry.ttl_s} s`,
    })),
    ...outsideLegs(view).map(({ appliance, leg, mac }) => ({
      kind: 'dhcp-lease' as const,
      what: `${appliance} on the ${leg} network of ${view.site.name} (${mac})`,
    })),
  ]
}

/** What this operation could not see; an empty list would be a lie. */
export function notTested(situation: Situation): readonly string[] {
  const { stack, clients } = situation
  const untested: string[] = []
  if (clients.length === 0) untested.push('the way in as a client takes it: the site file names no client place')
  else untested.push(`clients other than ${clients.map((place) => place.name).join(', ')}: their resolvers and paths`)
  if (stack.checks.length === 0) untested.push('what the application answers: the stack file has no checks')
  for (const service of stack.services)
    untested.push(
      `${service.name} (${service.protocol}/${service.port}) beyond the NAT box, unless a check goes through it`,
    )
  return untested
}

export function outsideLegs(
  view: SiteView,
): readonly { readonly appliance: string; readonly leg: string; readonly mac: string }[] {
  return view.compiled.instances.flatMap((instance) =>
    instance.kind === 'appliance'
      ? instance.legs.flatMap((leg) =>
          leg.to === 'segment' ? [] : [{ appliance: instance.name, leg: leg.interface, mac: leg.mac }],
        )
      : [],
  )
}

/** The firewall that lets clients in to a service. */
export function firewallOf(firewalls: readonly Firewall[], service: string): Firewall | undefined {
  return (
    firewalls.find((firewall) =>
      firewall.rules.some(
        (rule) => rule.verdict === 'allow' && rule.to.some((end) => end.kind === 'balanced' && end.service === service),
      ),
    ) ?? firewalls[0]
  )
}
