import type { Clock } from '../../lib/clock.ts'
import type { Engine } from '../contract.ts'
import { EngineError } from '../error.ts'
import { Crash, type faultSchedule } from '../fake/faults.ts'
import { around } from './around.ts'

export type FaultOptions = {
  readonly clock: Clock
  readonly schedule: ReturnType<typeof faultSchedule>
  /** How long a hanging call is waited for. Default 30. */
  readonly limit_s?: number
}

/** Scheduled faults around a real engine. `break-midway` is not possible from outside: it counts as a lost answer. */
export function faults(engine: Engine, options: FaultOptions): Engine {
  const { clock, schedule, limit_s = 30 } = options
  let crashed: Crash | undefined
  return around(engine, async ({ call, object, site }, next) => {
    if (crashed !== undefined) throw crashed
    const where = `${call} ${object}`.trim()
    const fault = schedule.take(call, site, object)
    if (fault === undefined) return next()
    const failed = new EngineError(fault.code ?? 'rejected', site, where, `scheduled fault: ${fault.kind}`)
    switch (fault.kind) {
      case 'fail-before':
        throw failed
      case 'fail-after':
        await next()
        throw failed
      case 'lose-answer':
      case 'break-midway':
        await next()
        throw new EngineError('unreachable', site, where, 'scheduled fault: the answer was lost')
      case 'hang':
        await clock.sleep(limit_s * 1_000)
        throw new EngineError('timed-out', site, where, `scheduled fault: no answer within ${limit_s} s`)
      case 'crash':
        if (fault.when === 'after') await next()
        crashed = new Crash(`${where} at ${site}`)
        throw crashed
    }
  })
}
