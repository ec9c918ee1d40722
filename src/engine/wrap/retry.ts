import type { Clock } from '../../lib/clock.ts'
import type { Engine } from '../contract.ts'
import type { EngineCall } from '../describe.ts'
import { EngineError, remedyOf } from '../error.ts'
import { around } from './around.ts'

export type RetryOptions = {
  readonly clock: Clock
  /** Tries in all. Default 4. */
  readonly tries?: number
  /** Before the second try; doubled each time, up to `max_wait_ms`. Default 200. */
  readonly wait_ms?: number
  readonly max_wait_ms?: number
}

/** Makes a call again where the remedy of its failure is to try later, and where making it twice is the same as once. */
export function retry(engine: Engine, options: RetryOptions): Engine {
  const { clock, tries = 4, wait_ms = 200, max_wait_ms = 5_000 } = options
  return around(engine, async ({ call }, next) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await next()
      } catch (error) {
        if (!(error instanceof EngineError) || remedyOf(error.code).again !== 'later') throw error
        if (ONCE.has(call) || attempt >= tries) throw error
        await clock.sleep(Math.min(wait_ms * 2 ** (attempt - 1), max_wait_ms))
      }
    }
  })
}

/**
 * A call that threw may have taken effect. A second checkpoint would find its own name taken, a second swap its own
 * claim, and a command in a guest need not bear being run twice: whoever asked observes and decides. A transfer that
 * stalled has had its time; the next cycle starts it again. Whoever looks at a site wants to know now whether it answers.
 */
const ONCE: ReadonlySet<EngineCall> = new Set([
  'checkpoint',
  'swapClaim',
  'exec',
  'receive',
  'observe',
  'survey',
  'capacity',
  'spaceOf',
  'stacks',
])
