import type { EngineCall } from '../describe.ts'
import type { EngineErrorCode } from '../error.ts'

/** What goes wrong, in terms of effect and answer; the controller cannot tell some of them apart, and must not need to. */
export type FaultKind =
  /** No effect, an error. */
  | 'fail-before'
  /** The whole effect, then an error. */
  | 'fail-after'
  /** The whole effect, then the connection breaks: `unreachable`. */
  | 'lose-answer'
  /** No effect and no answer until the call's limit is over: `timed-out`. */
  | 'hang'
  /** The controller dies: see `Crash`. */
  | 'crash'
  /** `receive` only: half of the data, a snapshot that is listed without its data, `unreachable`. */
  | 'break-midway'

/** Which call: the nth (from 1, counted from when the fault was scheduled) that matches all that is given. */
export type FaultPoint = {
  readonly call: EngineCall
  readonly nth?: number
  readonly site?: string
  /** Part of the call's object as in `describeCall`: `stack:shop/db1`. */
  readonly object?: string
}

export type FaultDetails = {
  /** Code of the error of fail-before and fail-after. Default: `rejected`, which nothing repairs by itself. */
  readonly code?: EngineErrorCode
  /**
   * Whether a crash comes before or after the effect; default: before. `inside` is for `checkpoint`: everything is paused,
   * the first snapshot is taken, and nobody is left to resume.
   */
  readonly when?: 'before' | 'inside' | 'after'
  /** How many calls from the nth on are hit. Default: 1. */
  readonly times?: number
}

export type Fault = FaultDetails & { readonly kind: FaultKind }

export interface FaultSchedule {
  at(point: FaultPoint, kind: FaultKind, details?: FaultDetails): void
  /** Forgets all faults that have not come yet. */
  clear(): void
  /** Points scheduled that no call has reached yet: a test that expects its fault to have struck asserts that it is empty. */
  pending(): readonly FaultPoint[]
}

/**
 * The controller was killed (kill -9). Not an `EngineError`: nobody is left to handle it, so code under test lets it
 * pass and unwinds nothing. Every engine handle that the dead controller held throws it from then on; a new controller
 * asks the world for new ones.
 */
export class Crash extends Error {
  constructor(where: string) {
    super(`the controller was killed at ${where}`)
    this.name = 'Crash'
  }
}

export function faultSchedule(): FaultSchedule & {
  take(call: EngineCall, site: string, object: string): Fault | undefined
} {
  let entries: Entry[] = []
  return {
    at(point, kind, details = {}) {
      entries.push({ point, fault: { ...details, kind }, seen: 0 })
    },
    clear() {
      entries = []
    },
    pending: () => entries.filter((entry) => entry.seen < (entry.point.nth ?? 1)).map((entry) => entry.point),
    take(call, site, object) {
      let taken: Fault | undefined
      for (const entry of entries) {
        const { point } = entry
        if (point.call !== call || (point.site ?? site) !== site || !object.includes(point.object ?? '')) continue
        entry.seen += 1
        const first = point.nth ?? 1
        if (entry.seen >= first && entry.seen < first + (entry.fault.times ?? 1)) taken ??= entry.fault
      }
      return taken
    },
  }
}

type Entry = { readonly point: FaultPoint; readonly fault: Fault; seen: number }
