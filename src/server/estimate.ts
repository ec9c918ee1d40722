import type { PlanView } from '../api/operations.ts'
import type { Plan } from '../plan/plan.ts'
import type { History } from './history.ts'

/** What to expect, from what the same verb took the last times; nothing is claimed without such a time. */
export function estimateOf(history: History, plan: Plan): PlanView['estimate'] {
  const before = history
    .list({ stack: plan.stack, limit: 500, cycles: plan.verb === 'replicate' })
    .filter((entry) => entry.verb === plan.verb && entry.outcome === 'done')
    .slice(0, 5)
  const moves = plan.verb === 'move' || plan.verb === 'failback'
  const age_ms = plan.point === undefined ? undefined : Date.parse(plan.made_at) - Date.parse(plan.point.taken_at)
  const outages = before.flatMap((entry) => (plan.verb === 'failover' ? entry.rto_ms : entry.outage_ms) ?? [])
  return {
    took_ms: median(before.flatMap((entry) => entry.took_ms ?? [])),
    outage_ms: plan.verb === 'failover' || moves ? median(outages) : undefined,
    loss_window_ms: moves ? 0 : plan.verb === 'failover' ? age_ms : undefined,
    from:
      before.length === 0
        ? `no ${plan.verb} of ${plan.stack} is in the history here`
        : `the last ${before.length} of ${plan.stack} here`,
  }
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
