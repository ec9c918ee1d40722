import { announcedBy, firewallOf, ownOf } from '../compile/announced.ts'
import { looksLike6 } from '../lib/ip6.ts'
import type { CheckAction, Step, TouchPoint } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Ingress, Stack } from '../stack/stack.ts'
import type { Area } from '../state/objects.ts'
import type { ClientPlace } from '../state/sites.ts'
import { ADVERTISED_WITHIN_S, comesOver6, NEEDED_WITHIN_S, recordsOf } from './ipv6.ts'
import { groupsOf } from './launch.ts'
import { aaaaLeft } from './records.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * Lets clients in and sees that they get in. The names are pointed at the firewall as soon as it has its address, while
 * machines still boot: what resolvers hold of the old address then runs out during the launch, not after it.
 */
export function ingress(
  situation: Situation,
  view: SiteView,
  area: Area,
  undoable: boolean,
  verb: 'deploy' | 'launch' = 'launch',
): readonly Step[] {
  const { stack } = situation
  const site = view.site.name
  const leases = leaseSteps(situation, view, area, view.site.outside_ipv6 === true, `the LEG network gives the address`)
  const left = verb === 'deploy' ? aaaaLeft(view, stack) : new Set<string>()
  const names = stack.ingress.flatMap((entry) => {
    const firewall = firewallOf(stack.firewalls, entry.to)
    if (!entry.dns || firewall === undefined || view.site.dns === undefined) return []
    const lease_step = `lease ${firewall.name}`
    const records = { ...recordsOf(view, entry), ...(left.has(entry.name) ? { ipv6: 'none' } : {}) }
    // An address of its own moves with the stack: then there is nothing to tell the DNS server.
    const told = entry.own.length === 0 || verb === 'deploy'
    return [
      ...(told
        ? [
            step(
              'ingress',
              site,
              `dns ${entry.name}`,
              { do: 'dns', name: entry.name, ttl_s: entry.ttl_s, lease_step, ...records },
              `clients find ${entry.to} by this name`,
              {
                after: [lease_step],
                undo: undoable
                  ? [{ do: 'dns-remove', name: entry.name, ...(records.ipv6 === undefined ? {} : { ipv6: true }) }]
                  : [],
              },
            ),
          ]
        : []),
      ...situation.clients
        .filter((place) => place.resolver !== undefined)
        .map((place) =>
          step(
            'verify',
            site,
            resolverStep(place.name, entry.name),
            {
              do: 'dns-seen',
              place: place.name,
              name: entry.name,
              lease_step,
              ...records,
              within_s: entry.ttl_s + 30,
            },
            'a cached answer may live as long as its TTL',
            { after: [told ? `dns ${entry.name}` : lease_step] },
          ),
        ),
    ]
  })
  return [...leases, ...names, ...announcements(situation, view, area), ...checks(situation, view)]
}

/**
 * A customer is served as soon as one machine of each kind is, and the checks ask when all are ready: between the two lies
 * a part of the outage that nobody had. So each check is asked from the instant at which its name leads here, too.
 * At the place itself: until then what answers may be what is thought to be down.
 */
export function firstAnswers(situation: Situation, view: SiteView): readonly Step[] {
  const { stack } = situation
  const slowest_s = Math.max(
    0,
    ...groupsOf(view).map(([, machines]) => Math.max(...machines.map((machine) => machine.ready_within_s))),
  )
  return asksOf(situation, view)
    .filter(({ check, alone }) => check.family !== 6 || alone === true)
    .map(({ number, place, check }) => {
      const entry = stack.ingress.find(({ name }) => name === new URL(check.url).hostname)
      const firewall = entry === undefined ? undefined : firewallOf(stack.firewalls, entry.to)
      return step(
        'verify',
        view.site.name,
        `first answer ${number} at ${place}`,
        { do: 'felt', place, check, within_s: slowest_s + 90, try_s: 1, every_ms: 250 },
        'the outage as a client sees it',
        {
          after: [
            ...(entry === undefined ? [] : [`dns ${entry.name}`, resolverStep(place, entry.name)]),
            firewall === undefined ? 'claim' : `lease ${firewall.name}`,
          ],
          optional: true,
        },
      )
    })
}

/** The addresses of the outer legs. What needs an IPv6 address fails without one; all else goes on over IPv4. */
export function leaseSteps(
  situation: Situation,
  view: SiteView,
  area: Area,
  ipv6_outside: boolean,
  reason: string,
): readonly Step[] {
  const { stack } = situation
  return outsideLegs(view).map(({ appliance, leg, ipv6 }) => {
    const prefix = announcers(stack)
      .filter((each) => each.appliance === appliance)
      .flatMap(({ prefixes }) => prefixes)
      .find(looksLike6)
    const reached = stack.nats.find(({ name }) => name === appliance)?.reaches ?? []
    const needed = prefix ?? reached.find((name) => looksLike6(view.site.services[name] ?? ''))
    const needs = needed === undefined ? {} : { ipv6_within_s: NEEDED_WITHIN_S, ipv6_for: needed }
    const takes = ipv6 && (leg !== 'outside' || ipv6_outside) ? { ipv6_within_s: ADVERTISED_WITHIN_S, ...needs } : {}
    return step(
      'ingress',
      view.site.name,
      `lease ${appliance}`,
      { do: 'lease', instance: { area, name: appliance }, interface: leg, within_s: 60, ...takes },
      reason.replace('LEG', leg),
      { after: [`start ${appliance}`] },
    )
  })
}

/** The firewall announces by itself, as soon as something is served behind it; here that is seen. */
function announcements(situation: Situation, view: SiteView, area: Area): readonly Step[] {
  return announcers(situation.stack).map(({ appliance, prefixes }) =>
    step(
      'ingress',
      view.site.name,
      `announce ${prefixes.join(' ')}`,
      {
        do: 'announced',
        instance: { area, name: appliance },
        prefixes,
        lease_step: `lease ${appliance}`,
        within_s: 90,
      },
      `the route servers of ${view.site.name} lead clients to ${appliance}`,
      { after: [`start ${appliance}`, `lease ${appliance}`] },
    ),
  )
}

/** Firewalls that announce, each with its prefixes. */
export function announcers(
  stack: Stack,
): readonly { readonly appliance: string; readonly prefixes: readonly string[] }[] {
  return stack.firewalls.flatMap(({ name }) => {
    const prefixes = announcedBy(stack, name).map(({ text }) => text)
    return prefixes.length === 0 ? [] : [{ appliance: name, prefixes }]
  })
}

/** Before a firewall is cut off or ended: whoever routes to it hears of it at once, and not when a timer runs out. */
export function withdrawals(
  situation: Situation,
  view: SiteView,
  area: Area,
  running: ReadonlySet<string>,
  extra: Pick<Step, 'phase'> & { readonly after: readonly string[]; readonly undo: boolean },
): readonly Step[] {
  const site = view.site.name
  return announcers(situation.stack)
    .filter(({ appliance }) => running.has(appliance))
    .map(({ appliance, prefixes }) => {
      const action = (announce: boolean) =>
        ({ do: 'announcing', instance: { area, name: appliance }, prefixes, announce, within_s: 5 }) as const
      return step(
        extra.phase,
        site,
        `withdraw ${prefixes.join(' ')} at ${site}`,
        action(false),
        'whoever routes to it hears of it now, not when a timer runs out',
        // A firewall that does not listen any more is cut off all the same.
        { after: [extra.after], undo: extra.undo ? [action(true)] : [], optional: true },
      )
    })
}

const resolverStep = (place: string, name: string): string => `resolver of ${place} ${name}`

/** The stack's own checks, once all that they go through is up, and the place has forgotten where the names led before. */
function checks(situation: Situation, view: SiteView): readonly Step[] {
  const after = [
    ...groupsOf(view).map(([group]) => `ready ${group}`),
    ...situation.stack.ingress.flatMap(({ name }) => [
      `dns ${name}`,
      ...situation.clients.map((place) => resolverStep(place.name, name)),
    ]),
  ]
  return asksOf(situation, view).map(({ number, place, check, words, alone }) => {
    const over6 = check.family === 6 && alone !== true
    const id = `check ${number} at ${place}${over6 ? ' over IPv6' : ''}`
    const within_s = over6 ? IPV6_CHECK_S : 90
    return step('verify', view.site.name, id, { do: 'check', place, check, within_s }, words, {
      after,
      optional: over6,
    })
  })
}

/** A check of the stack as it is asked at a client's place. */
export type Ask = {
  /** Its place in the stack file, from 1. */
  readonly number: number
  readonly place: string
  readonly words: string
  readonly check: CheckAction
  /** The name has nothing but IPv6. */
  readonly alone?: true
}

/** The stack's own checks, at every client's place; over both versions of IP where both lead to the stack. */
export function asksOf(situation: Situation, view: SiteView): readonly Ask[] {
  return situation.clients.flatMap((place) =>
    situation.stack.checks.flatMap(({ method, url, status, words }, index): readonly Ask[] => {
      const ask = { number: index + 1, place: place.name, words }
      const check = { method, url, status }
      const over = familiesOver(situation, view, place, url)
      if (over === 'any') return [{ ...ask, check }]
      if (over === 'IPv6 alone') return [{ ...ask, check: { ...check, family: 6 }, alone: true }]
      return ([4, 6] as const).map((family) => ({ ...ask, check: { ...check, family } }))
    }),
  )
}

/** Clients that get no answer over IPv6 turn to IPv4: that is told, and does not undo a launch. */
const IPV6_CHECK_S = 20

function familiesOver(
  situation: Situation,
  view: SiteView,
  place: ClientPlace,
  url: string,
): 'any' | 'both' | 'IPv6 alone' {
  const entry = situation.stack.ingress.find(({ name }) => name === new URL(url).hostname)
  if (place.ipv6 !== true || entry === undefined || !comesOver6(view, entry)) return 'any'
  return entry.own.length > 0 && ownOf(entry, 4) === undefined ? 'IPv6 alone' : 'both'
}

/** What outside the stack has to change when it comes up at a site. */
export function touchPoints(
  situation: Situation,
  view: SiteView,
  verb: 'deploy' | 'launch' = 'launch',
): readonly TouchPoint[] {
  return [
    ...situation.stack.ingress
      .filter((entry) => entry.dns && (entry.own.length === 0 || verb === 'deploy'))
      .map((entry) => ({
        kind: 'dns-record' as const,
        what: `${entry.name} ${recordWords(view, entry)}, TTL ${entry.ttl_s} s`,
      })),
    ...announcers(situation.stack).flatMap(({ appliance, prefixes }) =>
      prefixes.map((prefix) => ({
        kind: 'bgp-prefix' as const,
        what: `${prefix} announced by ${appliance} at ${view.site.name} (AS ${view.site.bgp?.local_as ?? '?'} to AS ${view.site.bgp?.as ?? '?'})`,
      })),
    ),
    ...outsideLegs(view).map(({ appliance, leg, mac }) => ({
      kind: 'dhcp-lease' as const,
      what: `${appliance} on the ${leg} network of ${view.site.name} (${mac})`,
    })),
  ]
}

function recordWords(view: SiteView, entry: Ingress): string {
  const over4 = entry.own.length === 0 || ownOf(entry, 4) !== undefined
  return [...(over4 ? ['A'] : []), ...(comesOver6(view, entry) ? ['AAAA'] : [])].join(' and ')
}

/** What this operation could not see; an empty list would be a lie. */
export function notTested(situation: Situation): readonly string[] {
  const { stack, clients } = situation
  const untested: string[] = []
  if (clients.length === 0) untested.push('the way in as a client takes it: the site file names no client place')
  else untested.push(`clients other than ${clients.map((place) => place.name).join(', ')}: their resolvers and paths`)
  if (stack.segments.some(({ prefix6 }) => prefix6 !== undefined) && !clients.some((place) => place.ipv6 === true))
    untested.push('the way in over IPv6: no client place of the site file has it')
  if (stack.checks.length === 0) untested.push('what the application answers: the stack file has no checks')
  const blind =
    announcers(stack).length === 0 ? [] : situation.sites.filter(({ site }) => site.bgp?.looking_glasses.length === 0)
  for (const { site } of blind)
    untested.push(`whether the route servers of ${site.name} accept the prefix: the site file names no looking glass`)
  for (const nat of stack.nats)
    for (const { name, protocol, port } of nat.internet)
      untested.push(`${name} (${protocol}/${port}) in the Internet, beyond the NAT box`)
  for (const service of stack.services)
    untested.push(
      `${service.name} (${service.protocol}/${service.port}) beyond the NAT box, unless a check goes through it`,
    )
  return untested
}

export function outsideLegs(
  view: SiteView,
): readonly { readonly appliance: string; readonly leg: string; readonly mac: string; readonly ipv6: boolean }[] {
  return view.compiled.instances.flatMap((instance) =>
    instance.kind === 'appliance'
      ? instance.legs.flatMap((leg) =>
          leg.to === 'segment'
            ? []
            : [{ appliance: instance.name, leg: leg.interface, mac: leg.mac, ipv6: leg.ipv6 === true }],
        )
      : [],
  )
}
