import type { Compiled } from '../compile/compiled.ts'
import type { Verb } from '../plan/plan.ts'
import type { Stack } from '../stack/stack.ts'
import type { Inspection } from '../state/inspection.ts'
import type { Capacity, Definition, Observed, ObservedInstance, Owner, Survey } from '../state/objects.ts'
import type { ClientPlace, Site } from '../state/sites.ts'
import type { SiteLack } from './site-lacks.ts'

/** All that an operation is planned from. Plain values: the same situation gives the same plan. */
export type Situation = {
  readonly now: Date
  /** Who asks, for the record in the claim: `root@ops`. */
  readonly by: string
  readonly stack: Stack
  readonly definition: Definition
  readonly sites: readonly SiteView[]
  readonly clients: readonly ClientPlace[]
  /** The process that asks, and what can be known here of another one. */
  readonly self: Owner
  readonly lives: (owner: Owner) => 'alive' | 'gone' | 'unknown'
  /** What earlier operations on the stack have shown, as far as it is recorded here; undefined: nobody looked. */
  readonly past?: Past | undefined
}

/** Seconds that a stop and a launch took, newest first, and the leases that sites gave. */
export type Past = {
  readonly stops: readonly Took[]
  readonly launches: readonly Took[]
  readonly leases: readonly {
    readonly site: string
    readonly appliance: string
    readonly address: string
    readonly at: string
  }[]
}

type Took = { readonly site: string; readonly s: number; readonly verb: Verb; readonly operation: string }

/** One site as it was seen; `answer` is absent where it did not answer, which says nothing about whether it is down. */
export type SiteView = {
  readonly site: Site
  readonly compiled: Compiled
  /** What keeps the stack's own prefixes from being announced, and can be told from here. */
  readonly routing?: readonly SiteLack[] | undefined
  readonly answer: SiteAnswer | undefined
  /** Why there is no answer. */
  readonly silence: string | undefined
  /** It answers, and does not let this client in: it is there, and nothing more is known of it. */
  readonly closed?: boolean | undefined
  /** What the watch at the site saw a moment ago; undefined: there is none, or nobody asked. */
  readonly watched?: Watched | undefined
  /** What the site could still give; undefined: nobody asked. */
  readonly capacity?: Capacity | undefined
  /** What the site's DNS server said to updates of the stack's names that change nothing; undefined: nobody asked. */
  readonly dns?: readonly DnsSight[] | undefined
}

export type Watched = {
  /** Services over TCP that do not answer there. */
  readonly silent: readonly string[]
  readonly words: string
  /** For each network that the watch has a leg on: the address that DHCP gave it, undefined while there is none. */
  readonly leases: Readonly<Partial<Record<'outside' | 'services', string | undefined>>>
}

/** `refused`: the key is known and may not do this. `silent`: no answer at all, which tells nothing of the key. */
export type DnsSight = {
  readonly name: string
  readonly says: 'good' | 'refused' | 'bad-key' | 'clock' | 'silent' | 'failed'
  /** Where it is not good: what was answered, and what to do. */
  readonly what: string
}

export type SiteAnswer = {
  readonly observed: Observed
  readonly survey: Survey
  /** What the running appliances of the launched stack have, by name, where somebody looked. */
  readonly inspected?: Readonly<Record<string, Inspection>>
}

export const certificateHint =
  'check the certificates of that site in the site file; a client is trusted there by: incus config trust add-certificate FILE'

/** Why nothing is known of what is at a site, as a sentence. */
export function unseen(view: Pick<SiteView, 'site' | 'silence' | 'closed'>): string {
  return view.closed === true
    ? `${view.site.name} answers, but not to this client: ${view.silence ?? 'not authorized'}`
    : `${view.site.name} does not answer: ${view.silence ?? 'no reason known'}`
}

/** Whether an instance is all there: one whose engine died while it was made is made again, not built upon. */
export const isWhole = (each: ObservedInstance): boolean => each.half_made !== true

export function viewOf(situation: Situation, name: string): SiteView | undefined {
  return situation.sites.find((view) => view.site.name === name)
}

/** The site whose claim says active under the newest epoch that was seen. */
export function activeView(situation: Situation): SiteView | undefined {
  return situation.sites
    .filter((view) => view.answer?.observed.claim?.claim.role === 'active')
    .sort((a, b) => epochOf(b) - epochOf(a))[0]
}

export function epochOf(view: SiteView | undefined): number {
  return view?.answer?.observed.claim?.claim.epoch ?? 0
}

/** A route server as it tells of itself; undefined where it does not. */
export type RouteServerSight = {
  readonly place: string
  readonly as: number | undefined
  /** The AS that it expects of firewalls. */
  readonly firewalls_as: number | undefined
}

/** One route server as it was looked at. */
export type RouteSight = {
  readonly place: string
  /** Next hops of the usable paths; undefined where it could not be looked at. */
  readonly via: readonly string[] | undefined
  readonly error: string | undefined
}
