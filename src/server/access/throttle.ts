import type { Clock } from '../../lib/clock.ts'
import { ApiProblem } from '../problem.ts'

const free_tries = 5
const longest_ms = 15 * 60_000
const most_remembered = 10_000

/**
 * Slows down guessing. Tries are counted by account and by address; after five that failed each further one has to wait
 * twice as long as the one before. An account is never locked for good: that would be a way to lock somebody out.
 */
export function openThrottle(clock: Clock) {
  const failures = new Map<string, { count: number; until_ms: number }>()
  return {
    /** Throws while any of the keys has to wait. */
    check(...keys: readonly string[]): void {
      const now_ms = clock.now().getTime()
      const until_ms = Math.max(0, ...keys.map((key) => failures.get(key)?.until_ms ?? 0))
      if (until_ms <= now_ms) return
      throw new ApiProblem('too-many', 'too many tries that failed', {
        hint: `try again in ${Math.ceil((until_ms - now_ms) / 1000)} s`,
      })
    },
    failed(...keys: readonly string[]): void {
      const now_ms = clock.now().getTime()
      for (const key of keys) {
        const count = (failures.get(key)?.count ?? 0) + 1
        const wait_ms = count < free_tries ? 0 : Math.min(1000 * 2 ** (count - free_tries), longest_ms)
        failures.delete(key)
        failures.set(key, { count, until_ms: now_ms + wait_ms })
      }
      // The oldest go first; a map keeps the order in which keys came.
      for (const key of failures.keys()) {
        if (failures.size <= most_remembered) break
        failures.delete(key)
      }
    },
    succeeded(key: string): void {
      failures.delete(key)
    },
  }
}
