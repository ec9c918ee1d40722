import type { Clock } from '../../lib/clock.ts'
import type { Engine } from '../contract.ts'
import { EngineError, type EngineErrorCode } from '../error.ts'
import { around, type MadeCall } from './around.ts'

export type RecordedCall = MadeCall & {
  /** ISO 8601, when the call was made. */
  readonly at: string
  readonly took_ms: number
  /** `bug`: it threw something else than an `EngineError`. */
  readonly outcome: 'ok' | EngineErrorCode | 'bug'
}

/** Tells of every call once it has ended. Objects are names only: never contents of files, arguments or secrets. */
export function record(engine: Engine, clock: Clock, tell: (call: RecordedCall) => void): Engine {
  return around(engine, async (made, next) => {
    const began = clock.now()
    let outcome: RecordedCall['outcome'] = 'ok'
    try {
      return await next()
    } catch (error) {
      outcome = error instanceof EngineError ? error.code : 'bug'
      throw error
    } finally {
      tell({ ...made, at: began.toISOString(), took_ms: clock.now().getTime() - began.getTime(), outcome })
    }
  })
}
