import type { Engine } from '../contract.ts'
import type { EngineCall } from '../describe.ts'
import { around } from './around.ts'

/**
 * At most `most` calls at once; the others wait in their order. Not counted: calls that mostly wait themselves (exec,
 * receive has a limit of its own in the plan), and cutting legs, which must never wait.
 */
export function limit(engine: Engine, most: number, uncounted: ReadonlySet<EngineCall> = UNCOUNTED): Engine {
  if (!(most >= 1)) throw new Error(`a limit of ${most} calls at once would let none through`)
  const waiting: (() => void)[] = []
  let running = 0
  return around(engine, async ({ call }, next) => {
    if (uncounted.has(call)) return next()
    if (running < most) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await next()
    } finally {
      // The place goes straight to who waits longest: nobody can slip in between.
      const first = waiting.shift()
      if (first === undefined) running -= 1
      else first()
    }
  })
}

const UNCOUNTED: ReadonlySet<EngineCall> = new Set(['exec', 'receive', 'cutLegs', 'close'])
