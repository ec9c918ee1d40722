import type { z } from 'zod'
import type { LogLine, OperationEntry, OperationReport, PlanView } from '../api/operations.ts'
import { pastNoReturn } from '../execute/execute.ts'
import type { JournalEvent, JournalState } from '../execute/journal.ts'
import type { Plan } from '../plan/plan.ts'
import { drillRows } from '../report/proof.ts'
import type { Report } from '../report/report.ts'

/** The core's values as the API shows them; what is internal, such as the actions of a plan, stays here. */
export function reportView(report: Report, state: JournalState, running: boolean): OperationReport {
  const { plan } = state
  const outcome = report.outcome === 'running' && !running ? 'interrupted' : report.outcome
  const open = outcome === 'interrupted' || outcome === 'stuck'
  return {
    ...report,
    outcome,
    phases: [...report.phases],
    steps: [...report.steps],
    numbers: { ...report.numbers },
    drill:
      report.drill === undefined
        ? undefined
        : { ...report.drill, rows: drillRows(report.drill).map(([name, value]) => ({ name, value })) },
    touches: [...report.touches],
    not_tested: [...report.not_tested],
    findings: [...report.findings],
    failures: report.failures.map(({ step, optional, what, code, site }) => ({ step, optional, what, code, site })),
    left: [...report.left],
    resumable: open,
    abortable: open && plan !== undefined && !pastNoReturn(plan, state),
  }
}

export function entryOf(report: Report, running: boolean): OperationEntry {
  const { numbers } = report
  // A cycle has no point before it ends; its plan has the name.
  const made =
    report.verb === 'replicate' && report.outcome === 'done'
      ? /\bp\d{8}-\d{6}-\d{3}\b/.exec(report.summary)?.[0]
      : undefined
  return {
    operation: report.operation,
    verb: report.verb,
    stack: report.stack,
    outcome: report.outcome === 'running' && !running ? 'interrupted' : report.outcome,
    by: report.by,
    decided_at: report.decided_at,
    took_ms: numbers.took_ms,
    rto_ms: numbers.rto_ms,
    outage_ms: numbers.outage_ms,
    point: numbers.point?.name ?? made,
    failed: report.failures.length,
  }
}

export function planView(plan: Plan, estimate: PlanView['estimate']): PlanView {
  return {
    verb: plan.verb,
    stack: plan.stack,
    made_at: plan.made_at,
    summary: plan.summary,
    steps: plan.steps.map((step) => ({
      id: step.id,
      phase: step.phase,
      site: step.site,
      after: [...step.after],
      reason: step.reason,
      undoable: step.undo.length > 0,
      point_of_no_return: step.point_of_no_return,
      optional: step.optional,
    })),
    touches: [...plan.touches],
    not_tested: [...plan.not_tested],
    point: plan.point,
    undoable: plan.undoable,
    findings: [...plan.findings],
    estimate,
  }
}

/** One event of a journal in words; `undefined` where a reader gains nothing from it. */
export function logLine(event: JournalEvent): z.infer<typeof LogLine> | undefined {
  switch (event.type) {
    case 'planned':
      return { at: event.at, text: `decided by ${event.by}: ${event.plan.summary}` }
    case 'step-started':
      return { at: event.at, step: event.step, text: 'started' }
    case 'step-done': {
      const found = Object.entries(event.found).map(([name, value]) => `${name} ${String(value)}`)
      return { at: event.at, step: event.step, text: ['done', ...found].join(', ') }
    }
    case 'step-failed':
      return { at: event.at, step: event.step, text: `failed: ${event.failure.what}` }
    case 'resumed':
      return { at: event.at, text: `resumed by ${event.by}` }
    case 'unwinding':
      return { at: event.at, text: `taken back: ${event.because}` }
    case 'undone':
      return { at: event.at, step: event.step, text: 'taken back' }
    case 'undo-failed':
      return { at: event.at, step: event.step, text: `could not be taken back: ${event.left}` }
    case 'loss':
      return { at: event.at, text: `${event.loss.lost} of ${event.loss.acknowledged} acknowledged writes are lost` }
    case 'loss-unknown':
      return { at: event.at, text: `how many acknowledged writes are lost could not be measured: ${event.why}` }
    case 'ended':
      return { at: event.at, text: `ended: ${event.outcome}` }
    default:
      return undefined
  }
}
