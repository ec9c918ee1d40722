import type { StackSummary } from '../api/stacks.ts'
import { type Ask, asksOf } from '../operations/ingress.ts'
import { activeView, type Situation } from '../operations/situation.ts'
import { type Status, statusOf } from '../report/status.ts'
import type { Proof } from '../state/objects.ts'

/** What is kept of a stack between two looks; small, as there may be a thousand. */
export type Seen = {
  readonly stack: string
  readonly at: string
  readonly status: Status
  readonly active: string | undefined
  readonly standby: string | undefined
  readonly epoch: number | undefined
  readonly newest_point_at: string | undefined
  readonly rpo_ms: number | undefined
  readonly protected: boolean
  readonly drill: { readonly every: string; readonly within_ms: number } | undefined
  /** Central services that are reached by TCP; of others nothing is seen from here. */
  readonly services: readonly { readonly name: string; readonly port: number }[]
  /** What is asked at the clients' places. */
  readonly asks: readonly Ask[]
  readonly proof: Proof | undefined
  readonly proof_state: StackSummary['proof']['state']
  readonly two_active: boolean
}

export function seenOf(situation: Situation): Seen {
  const status = statusOf(situation)
  const active = activeView(situation)
  const standby = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'standby')
  const claim = standby?.answer?.observed.claim?.claim
  const epochs = situation.sites.flatMap((view) => view.answer?.observed.claim?.claim.epoch ?? [])
  const actives = situation.sites.filter(
    (view) => view.answer?.observed.claim?.claim.role === 'active' && runsOutside(view),
  )
  return {
    stack: situation.stack.name,
    at: status.at,
    status,
    active: active?.site.name,
    standby: standby?.site.name,
    epoch: epochs.length === 0 ? undefined : Math.max(...epochs),
    newest_point_at: claim?.points[0]?.taken_at,
    rpo_ms: status.rpo_ms,
    protected: situation.stack.protect !== undefined,
    drill:
      situation.stack.protect?.drill === undefined
        ? undefined
        : { every: situation.stack.protect.drill.every, within_ms: situation.stack.protect.drill.within_s * 1000 },
    services: situation.stack.services
      .filter((each) => each.protocol === 'tcp')
      .map(({ name, port }) => ({ name, port })),
    asks: active === undefined ? [] : asksOf(situation, active),
    proof: claim?.proof,
    proof_state: proofState(status.proof, standby !== undefined, claim?.proof),
    two_active: actives.length > 1,
  }
}

/** Whether anything of the stack runs there, so that a client could reach it. */
function runsOutside(view: Situation['sites'][number]): boolean {
  const live = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')
  return live?.instances.some((each) => each.power === 'running') === true
}

function proofState(words: string, standby: boolean, proof: Proof | undefined): Seen['proof_state'] {
  if (!standby) return 'unknown'
  if (proof === undefined) return 'never'
  if (proof.verdict === 'failed') return 'failed'
  return words.startsWith('proven') ? 'proven' : 'changed'
}

export type Around = {
  readonly now: Date
  readonly spark: readonly (number | null)[]
  readonly alarms: number
  readonly worst: 'warning' | 'critical' | undefined
  readonly operation: StackSummary['operation'] | undefined
  readonly clients: StackSummary['clients'] | undefined
}

export function summaryOf(seen: Seen, around: Around): StackSummary {
  const { status } = seen
  return {
    stack: seen.stack,
    at: seen.at,
    active: seen.active,
    standby: seen.standby,
    epoch: seen.epoch,
    sites: status.sites.map(({ site, answers, role }) => ({ site, answers, role })),
    rpo_ms: seen.rpo_ms,
    newest_point_at: seen.newest_point_at,
    protection: protectionOf(seen, around.now),
    proof: {
      state: seen.proof_state,
      words: status.proof,
      drill: seen.proof?.drill,
      ended_at: seen.proof?.ended_at,
    },
    ready: seen.standby !== undefined && status.sites.every((site) => site.not_ready.length === 0),
    alarms: around.alarms,
    worst: around.worst,
    operation: around.operation,
    clients: around.clients,
    spark: [...around.spark],
  }
}

export function protectionOf(seen: Seen, now: Date): StackSummary['protection'] {
  if (!seen.protected || seen.rpo_ms === undefined) return 'none'
  if (seen.newest_point_at === undefined) return seen.standby === undefined ? 'unknown' : 'missed'
  return now.getTime() - Date.parse(seen.newest_point_at) > seen.rpo_ms ? 'missed' : 'met'
}
