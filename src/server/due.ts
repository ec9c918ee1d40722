import { Cron } from 'croner'
import type { z } from 'zod'
import type { Peer } from '../api/watch.ts'
import { formatDuration } from '../lib/duration.ts'
import { atLimit, backOff, type Cycle, nextStart } from '../operations/pace.ts'
import type { Seen } from './seen.ts'

/** What runs by itself for one stack, and when. Pure: time comes in, decisions come out. */
export type Task = {
  readonly stack: string
  readonly task: 'replicate' | 'drill' | 'guard'
  /** Recent cycles that ended well, oldest first. */
  readonly cycles: readonly Cycle[]
  readonly failures: number
  readonly last_at: number | undefined
  readonly last: string | undefined
  readonly next_at: number | undefined
}

export const considered = 10

/**
 * Which controller does it, decided by the claims: the one at the standby, as it pulls and as a drill needs that site alone.
 * The other one steps in when that one has been silent for `takeover_ms`. Should both believe so, the claims at the sites let
 * one of them through and tell the other: what is decided here saves work, it protects nothing.
 */
export function ownerOf(
  seen: Pick<Seen, 'standby' | 'active'>,
  here: string,
  peers: ReadonlyMap<string, z.infer<typeof Peer>>,
  now: Date,
  takeover_ms: number,
): { readonly here: boolean; readonly why: string } {
  const owner = seen.standby ?? seen.active
  if (owner === undefined) return { here: false, why: 'no site that answers has a part in it' }
  if (owner === here)
    return { here: true, why: `${here} is ${seen.standby === here ? 'its standby' : 'where it is active'}` }
  const peer = peers.get(owner)
  if (peer === undefined || peer.state === 'none') return { here: true, why: `no controller is known at ${owner}` }
  if (peer.state === 'answers') return { here: false, why: `the controller of ${owner} does it` }
  const silent_ms = now.getTime() - Date.parse(peer.seen_at ?? '')
  if (Number.isNaN(silent_ms) || silent_ms > takeover_ms)
    return { here: true, why: `the controller of ${owner} is silent` }
  return { here: false, why: `the controller of ${owner} has been silent for less than ${formatDuration(takeover_ms)}` }
}

/**
 * What the other controller is at with a stack, as far as it is known: in the middle of a move a stack looks as if it ran
 * where it should not. What it was at when it was seen last holds until it is taken for gone. Verbs that a task goes on
 * beside hold it off no more there than here.
 */
export function elsewhere(
  stack: string,
  peers: ReadonlyMap<string, z.infer<typeof Peer>>,
  now: Date,
  takeover_ms: number,
  beside: readonly string[] = [],
): string | undefined {
  for (const { site, state, seen_at, runs = [] } of peers.values()) {
    const gone = state === 'silent' && !(now.getTime() - Date.parse(seen_at ?? '') <= takeover_ms)
    const doing = gone ? undefined : runs.find((each) => each.stack === stack && !beside.includes(each.verb))
    if (doing !== undefined) return `the controller of ${site} is at ${doing.operation}`
  }
  return undefined
}

/** When a cycle has to begin so that the newest point stays younger than the target. */
export function replicateAt(seen: Seen, task: Task, now_ms: number, limit_bps?: number): number | undefined {
  if (!seen.protected || seen.rpo_ms === undefined || seen.active === undefined) return undefined
  if (task.failures > 0) return (task.last_at ?? now_ms) + backOff(task.failures, seen.rpo_ms)
  const next = nextStart(seen.rpo_ms, atLimit(task.cycles, limit_bps))
  if (next > 0) return next
  // Nothing is known of how long a cycle takes: the first one here waits no longer than half the target.
  const newest = seen.newest_point_at === undefined ? 0 : Date.parse(seen.newest_point_at)
  return task.last_at === undefined || task.cycles.length === 0 ? newest + seen.rpo_ms / 2 : now_ms
}

/** When the next drill begins: the first time of the schedule that is not over and that nobody has drilled at yet. */
export function drillAt(seen: Seen, task: Task, now: Date): number | undefined {
  const { drill } = seen
  if (drill === undefined || seen.standby === undefined || seen.newest_point_at === undefined) return undefined
  const earliest = now.getTime() - drill.within_ms
  const began = Math.max(task.last_at ?? 0, seen.proof === undefined ? 0 : Date.parse(seen.proof.started_at))
  const from = new Date(Math.max(earliest, began))
  return new Cron(drill.every, { timezone: 'UTC' }).nextRun(from)?.getTime()
}

/** Roles that do not go together, or something that runs or is paused where it should not. */
export function needsGuard({ status }: Seen): boolean {
  const active = status.sites.filter((site) => site.role === 'active')
  return (
    active.length > 1 ||
    status.sites.some((site) => site.role !== 'active' && site.instances.some((each) => each.power === 'running')) ||
    status.sites.some((site) => site.instances.some((each) => each.power === 'paused'))
  )
}
