import type { Failure } from '../execute/failure.ts'
import { fold, type JournalEvent, type MeasuredLoss, type Outcome } from '../execute/journal.ts'
import {
  type Estimate,
  type Finding,
  type Phase,
  type PhysicalCount,
  type Plan,
  phases,
  type TouchPoint,
  type Verb,
} from '../plan/plan.ts'
import type { Point } from '../state/objects.ts'
import { type DrillReport, drillReport } from './proof.ts'

/** An operation as it was observed: a fold over its journal, rendered for people (`text.ts`) or as JSON. */
export type Report = {
  readonly operation: string
  readonly verb: Verb
  readonly stack: string
  readonly summary: string
  readonly by: string
  readonly decided_at: string
  readonly ended_at: string | undefined
  /** `running` while the journal has no end: the operation goes on, or its controller died. */
  readonly outcome: Outcome | 'running'
  readonly phases: readonly PhaseReport[]
  readonly steps: readonly StepReport[]
  readonly numbers: Numbers
  /** What a drill showed; undefined for other verbs. */
  readonly drill?: DrillReport | undefined
  readonly touches: readonly TouchPoint[]
  readonly physical_devices_touched: 0
  readonly physical_otherwise?: PhysicalCount | undefined
  readonly not_tested: readonly string[]
  readonly findings: readonly Finding[]
  readonly failures: readonly (Failure & { readonly step: string; readonly optional: boolean })[]
  /** What could not be taken back, by name and place. */
  readonly left: readonly string[]
}

/** Milliseconds are counted from the decision. */
export type PhaseReport = { readonly phase: Phase; readonly from_ms: number; readonly to_ms: number }

export type StepReport = {
  readonly id: string
  readonly phase: Phase
  readonly site: string
  readonly reason: string
  readonly state: 'done' | 'failed' | 'undone' | 'running' | 'not run'
  readonly from_ms: number | undefined
  readonly took_ms: number | undefined
}

/** Only what was measured in this operation is present. */
export type Numbers = {
  /** From the decision to the first good answer at a client's place. */
  readonly rto_ms: number | undefined
  /** Of a move: from the first client cut off to the first good answer at a client's place. Of a swap: from the first stop. */
  readonly outage_ms?: number | undefined
  /** What was expected of it before, from what was known. */
  readonly estimated_outage_ms?: number | undefined
  /** Age of the launched point at the decision: the window in which writes may be lost. */
  readonly point_age_ms: number | undefined
  readonly point: Point | undefined
  readonly pause_ms: number | undefined
  readonly sent_bytes: number | undefined
  /** What became of the limit of bandwidth, where the site file has one. */
  readonly limit?: string | undefined
  readonly incremental: boolean | undefined
  readonly took_ms: number | undefined
  readonly loss: MeasuredLoss | undefined
  /** Why the loss is not known, where it was asked for. */
  readonly loss_unknown?: string
  readonly address: string | undefined
  /** Of a prefix of the stack's own: when the firewall announced it, and what was seen of that. */
  readonly announced?: {
    readonly announced_ms: number
    /** To the first good answer at a client's place. */
    readonly answered_after_ms: number | undefined
    /** At the site that was left: from the withdrawal until no route server had it. */
    readonly withdrawal_ms: number | undefined
    readonly accepted: string
  }
  /** `none` where the name has no AAAA record, because the site gave no address; absent in a stack without IPv6. */
  readonly address6?: string
}

export function reportOf(events: readonly JournalEvent[]): Report {
  const state = fold(events)
  const { plan } = state
  if (plan === undefined || state.operation === undefined) throw new Error('a journal without a plan is no journal')
  const decided = Date.parse(plan.made_at)
  const times = timesOf(events, decided)
  const steps = plan.steps.map((step): StepReport => {
    const time = times.get(step.id)
    const took_ms = time?.to === undefined ? undefined : time.to - time.from
    const stepState = state.undone.has(step.id)
      ? 'undone'
      : state.done.has(step.id)
        ? 'done'
        : state.failed.has(step.id)
          ? 'failed'
          : state.open.has(step.id)
            ? 'running'
            : 'not run'
    return {
      id: step.id,
      phase: step.phase,
      site: step.site,
      reason: step.reason,
      state: stepState,
      from_ms: time?.from,
      took_ms,
    }
  })
  return {
    operation: state.operation,
    verb: plan.verb,
    stack: plan.stack,
    summary: plan.summary,
    by: state.by ?? 'unknown',
    decided_at: plan.made_at,
    ended_at: state.ended?.at,
    outcome: state.ended?.outcome ?? 'running',
    phases: phasesOf(steps),
    steps,
    numbers: {
      ...numbersOf(plan, steps, state.done, decided, state.ended?.at, state.loss),
      ...(state.loss_unknown === undefined ? {} : { loss_unknown: state.loss_unknown }),
    },
    drill: plan.verb === 'drill' ? drillReport(plan, state) : undefined,
    touches: plan.touches,
    physical_devices_touched: 0,
    physical_otherwise: plan.physical_otherwise,
    not_tested: plan.not_tested,
    findings: plan.findings,
    failures: [...state.failed].map(([id, failure]) => ({
      ...failure,
      step: id,
      optional: plan.steps.find((step) => step.id === id)?.optional ?? false,
    })),
    left: state.left,
  }
}

function timesOf(
  events: readonly JournalEvent[],
  decided: number,
): ReadonlyMap<string, { from: number; to: number | undefined }> {
  const times = new Map<string, { from: number; to: number | undefined }>()
  for (const event of events) {
    const at = Date.parse(event.at) - decided
    if (event.type === 'step-started') times.set(event.step, { from: at, to: undefined })
    if (event.type === 'step-done' || event.type === 'step-failed') {
      const time = times.get(event.step)
      if (time !== undefined) time.to = at
    }
  }
  return times
}

function phasesOf(steps: readonly StepReport[]): readonly PhaseReport[] {
  const found = phases.flatMap((phase) => {
    const ran = steps.filter((step) => step.phase === phase && step.from_ms !== undefined)
    if (ran.length === 0) return []
    const from_ms = Math.min(...ran.map((step) => step.from_ms ?? 0))
    const to_ms = Math.max(...ran.map((step) => (step.from_ms ?? 0) + (step.took_ms ?? 0)))
    return [{ phase, from_ms, to_ms }]
  })
  return found.sort((a, b) => a.from_ms - b.from_ms)
}

type Seen = Readonly<Record<string, string | number | boolean>>

/** How long the routers outside took, by what was seen at both ends. */
function announcement(
  announced: Seen | undefined,
  withdrawn: Seen | undefined,
  answers: readonly number[],
  decided: number,
): Pick<Numbers, 'announced'> {
  if (announced === undefined) return {}
  const announced_ms = Date.parse(String(announced.announced_at)) - decided
  const gone = [withdrawn?.withdrawn_at, withdrawn?.gone_at].map((at) => Date.parse(String(at)))
  const [from = Number.NaN, to = Number.NaN] = gone
  return {
    announced: {
      announced_ms,
      answered_after_ms: answers.length === 0 ? undefined : Math.max(...answers) - announced_ms,
      withdrawal_ms: Number.isNaN(to - from) ? undefined : to - from,
      accepted: String(announced.accepted),
    },
  }
}

/** From the first step that a client can feel. */
function outage(steps: readonly StepReport[], answered: number): number | undefined {
  const felt = steps.flatMap((step) =>
    step.phase === 'withdraw' && step.from_ms !== undefined && !step.id.startsWith('claim') ? [step.from_ms] : [],
  )
  return felt.length === 0 ? undefined : answered - Math.min(...felt)
}

function estimated({ phases }: Estimate): number | undefined {
  if (phases.some((each) => each.s === undefined)) return undefined
  return Math.round(phases.reduce((all, each) => all + (each.s ?? 0), 0) * 1000)
}

/** Of appliances that were replaced: 0 where the first request after the first stop was answered. */
function swapOutage(
  steps: readonly StepReport[],
  felt: readonly Readonly<Record<string, string | number | boolean>>[],
  decided: number,
): Pick<Numbers, 'outage_ms'> {
  const stops = steps.flatMap(({ phase, id, from_ms }) =>
    phase === 'swap' && id.startsWith('stop ') && from_ms !== undefined ? [from_ms] : [],
  )
  if (felt.length === 0 || stops.length === 0) return {}
  const from = Math.min(...stops)
  const each = felt.map(({ at, tries }) => (Number(tries) <= 1 ? 0 : Date.parse(String(at)) - decided - from))
  return { outage_ms: Math.max(...each) }
}

/** One that was not held is told rather than those that were. */
function limitOf(received: readonly Readonly<Record<string, string | number | boolean>>[]): Pick<Numbers, 'limit'> {
  const limits = received.flatMap(({ limit }) => (limit === undefined ? [] : [String(limit)]))
  const worst = limits.find((each) => each.includes('not held')) ?? limits[0]
  return worst === undefined ? {} : { limit: worst }
}

/** When each check was first answered well at each place, over whichever version of IP. */
function firstAnswers(
  plan: Plan,
  done: ReadonlyMap<string, Readonly<Record<string, string | number | boolean>>>,
): readonly number[] {
  const first = new Map<string, number>()
  for (const { id, phase, action } of plan.steps) {
    const at = done.get(id)?.at
    if (at === undefined || phase !== 'verify' || (action.do !== 'check' && action.do !== 'felt')) continue
    const { method, url, status } = action.check
    const asked = JSON.stringify([action.place, method, url, status])
    first.set(asked, Math.min(first.get(asked) ?? Number.POSITIVE_INFINITY, Date.parse(String(at))))
  }
  return [...first.values()]
}

function numbersOf(
  plan: Plan,
  steps: readonly StepReport[],
  done: ReadonlyMap<string, Readonly<Record<string, string | number | boolean>>>,
  decided: number,
  ended: string | undefined,
  loss: MeasuredLoss | undefined,
): Numbers {
  const found = (what: string) =>
    plan.steps
      .filter((step) => step.action.do === what)
      .flatMap((step) => {
        const each = done.get(step.id)
        return each === undefined ? [] : [each]
      })
  const answers = firstAnswers(plan, done).map((at) => at - decided)
  const complete = found('complete')[0]
  const dns = found('dns')[0]
  // Looking again at what is up already is no recovery.
  const launched = plan.undoable || plan.steps.some((step) => step.phase === 'start')
  const moves = plan.verb === 'move' || plan.verb === 'failback'
  return {
    rto_ms: moves || !launched || plan.verb === 'replicate' || answers.length === 0 ? undefined : Math.max(...answers),
    ...(moves && answers.length > 0 ? { outage_ms: outage(steps, Math.max(...answers)) } : {}),
    ...(plan.estimate === undefined ? {} : { estimated_outage_ms: estimated(plan.estimate) }),
    ...swapOutage(steps, found('felt'), decided),
    point_age_ms: plan.point === undefined ? undefined : decided - Date.parse(plan.point.taken_at),
    point: plan.point,
    pause_ms: complete === undefined ? undefined : Number(complete.pause_ms),
    sent_bytes: complete === undefined ? undefined : Number(complete.sent_bytes),
    ...limitOf(found('receive')),
    incremental: complete === undefined ? undefined : complete.incremental === true,
    took_ms: ended === undefined ? undefined : Date.parse(ended) - decided,
    loss,
    address: dns === undefined ? undefined : String(dns.address),
    ...announcement(found('announced')[0], found('announcing')[0], answers, decided),
    ...(dns?.ipv6 === undefined ? {} : { address6: String(dns.ipv6) }),
  }
}
