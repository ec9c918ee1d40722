import type { SecretFile } from '../compile/compiled.ts'
import type { Engine } from '../engine/contract.ts'
import type { Clock } from '../lib/clock.ts'
import type { DnsSight, RouteServerSight, RouteSight } from '../operations/situation.ts'
import type { CheckAction, SecretsFrom } from '../plan/plan.ts'

/** Everything that execution may touch. */
export type World = {
  readonly clock: Clock
  engine(site: string): Engine
  readonly outside: Outside
  /** The values of secrets, by path in the appliance; those of a site come from its own file. Never logged, never journaled. */
  secrets(
    wanted: readonly SecretFile[],
    from: SecretsFrom,
    site: string,
  ): Promise<readonly { readonly path: string; readonly content: string }[]>
}

/** An IPv6 address; `none`: no AAAA record is to be there; undefined: AAAA records are left alone. */
export type Ipv6Record = string | 'none' | undefined

/** The world outside the stacks: names, and what a client sees. Failures are `OutsideError`. */
export interface Outside {
  /** Points a name at one address (`none`: it has no A record) and reads it back from the server that was updated. */
  setAddress(site: string, name: string, ttl_s: number, address: string, ipv6?: Ipv6Record): Promise<void>
  removeAddress(site: string, name: string, ipv6?: boolean): Promise<void>
  /** Removes these records of a name, `none` for a family that has none, and no others. */
  dropAddress(site: string, name: string, address: string, ipv6?: Ipv6Record): Promise<void>
  /** What the site's DNS server says to a signed update that changes nothing. */
  mayUpdate(site: string, name: string, within_s: number, ipv6?: boolean): Promise<DnsSight>
  /** Waits until the resolver of a place answers with the address and nothing else. */
  resolves(
    place: string,
    name: string,
    address: string,
    within_s: number,
    signal: AbortSignal,
    ipv6?: Ipv6Record,
  ): Promise<void>
  /** What the route servers of a site say of themselves, as far as the site file says where to look. */
  routeServers(site: string, signal: AbortSignal): Promise<readonly RouteServerSight[]>
  /** What the route servers of a site have of a prefix, as far as the site file says where to look. */
  routes(site: string, prefix: string, signal: AbortSignal): Promise<readonly RouteSight[]>
  /** Waits for the first good answer at a place. */
  goodAnswer(place: string, check: CheckAction, within_s: number, signal: AbortSignal, pace?: Pace): Promise<GoodAnswer>
  /** One request from a place, now. What the client gets, also nothing, is a result; a place that cannot be used is an error. */
  glance(place: string, check: CheckAction, within_s: number): Promise<Glance>
}

/** One of two servers behind a balancer that hangs would let every second answer pass for success. */
export const GOOD_IN_A_ROW = 3

/** One try gets `try_s`, and `every_ms` pass before the next; only so many good answers `in_a_row` are one. */
export type Pace = { readonly try_s?: number; readonly every_ms?: number; readonly in_a_row?: number }

export type Glance = {
  readonly good: boolean
  /** Address that was connected to. */
  readonly address: string | undefined
  readonly total_ms: number
  /** What the client got instead. */
  readonly why: string | undefined
}

export type GoodAnswer = {
  /** ISO 8601, when the answer was complete. */
  readonly at: string
  readonly tries: number
  /** Address that answered. */
  readonly address: string
  readonly total_ms: number
}
