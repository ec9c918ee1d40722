import type { Plan } from '../plan/plan.ts'
import type { Failure } from './failure.ts'

/** What happened, in the order in which it happened; the state of an operation is a fold over it. */
export type JournalEvent =
  | {
      readonly type: 'planned'
      readonly at: string
      readonly operation: string
      readonly by: string
      readonly plan: Plan
    }
  | { readonly type: 'step-started'; readonly at: string; readonly step: string }
  | { readonly type: 'step-done'; readonly at: string; readonly step: string; readonly found: Found }
  | { readonly type: 'step-failed'; readonly at: string; readonly step: string; readonly failure: Failure }
  | { readonly type: 'resumed'; readonly at: string; readonly by: string }
  | { readonly type: 'unwinding'; readonly at: string; readonly because: string }
  | { readonly type: 'undone'; readonly at: string; readonly step: string }
  | {
      readonly type: 'undo-failed'
      readonly at: string
      readonly step: string
      readonly left: string
      readonly failure: Failure
    }
  | { readonly type: 'loss'; readonly at: string; readonly loss: MeasuredLoss }
  /** It was asked for, and could not be measured. */
  | { readonly type: 'loss-unknown'; readonly at: string; readonly why: string }
  | { readonly type: 'ended'; readonly at: string; readonly outcome: Outcome }

/** What a step found out, for the report and for the steps that need it. Never a secret. */
export type Found = Readonly<Record<string, string | number | boolean>>

/** How an operation ended; `stuck` is past its point of no return, and only `resume` is offered. */
export type Outcome = 'done' | 'undone' | 'stuck'

/** Acknowledged writes against what the launched stack holds. */
export type MeasuredLoss = {
  readonly acknowledged: number
  readonly present: number
  readonly lost: number
  /** Of these, acknowledged before the launched point was taken; anything but 0 is a defect. */
  readonly lost_before_point: number
  readonly oldest_lost_at: string | undefined
}

export type JournalState = {
  readonly plan: Plan | undefined
  readonly operation: string | undefined
  readonly by: string | undefined
  readonly done: ReadonlyMap<string, Found>
  /** Started and neither done nor failed: they may have taken effect. */
  readonly open: ReadonlySet<string>
  readonly failed: ReadonlyMap<string, Failure>
  readonly undone: ReadonlySet<string>
  readonly left: readonly string[]
  readonly unwinding: string | undefined
  readonly loss: MeasuredLoss | undefined
  /** Why the loss that was asked for is not known. */
  readonly loss_unknown: string | undefined
  readonly ended: { readonly at: string; readonly outcome: Outcome } | undefined
}

export function fold(events: readonly JournalEvent[]): JournalState {
  const done = new Map<string, Found>()
  const open = new Set<string>()
  const failed = new Map<string, Failure>()
  const undone = new Set<string>()
  const left: string[] = []
  let state: Pick<JournalState, 'plan' | 'operation' | 'by' | 'unwinding' | 'loss' | 'loss_unknown' | 'ended'> = {
    plan: undefined,
    operation: undefined,
    by: undefined,
    unwinding: undefined,
    loss: undefined,
    loss_unknown: undefined,
    ended: undefined,
  }
  for (const event of events) {
    switch (event.type) {
      case 'planned':
        state = { ...state, plan: event.plan, operation: event.operation, by: event.by }
        break
      case 'step-started':
        open.add(event.step)
        failed.delete(event.step)
        break
      case 'step-done':
        open.delete(event.step)
        done.set(event.step, event.found)
        break
      case 'step-failed':
        open.delete(event.step)
        failed.set(event.step, event.failure)
        break
      case 'resumed':
        state = { ...state, ended: undefined }
        break
      case 'unwinding':
        state = { ...state, unwinding: event.because, ended: undefined }
        break
      case 'undone':
        undone.add(event.step)
        break
      case 'undo-failed':
        left.push(event.left)
        break
      case 'loss':
        state = { ...state, loss: event.loss, loss_unknown: undefined }
        break
      case 'loss-unknown':
        state = { ...state, loss_unknown: event.why }
        break
      case 'ended':
        state = { ...state, ended: { at: event.at, outcome: event.outcome } }
        break
    }
  }
  return { ...state, done, open, failed, undone, left }
}
