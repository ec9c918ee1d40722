import type { OperationEntry } from '../api/operations.ts'
import { pointTime } from '../operations/naming.ts'

export type Aged = { readonly stack: string; readonly at: Date; readonly age_ms: number }

/** After these another site holds the points, or none does. */
const turning: readonly string[] = ['deploy', 'move', 'failover', 'failback', 'reprotect', 'destroy']

/**
 * How old the newest point had become before this controller looked for itself: each cycle of the history ended the age of
 * the point before. Oldest first; where roles turned in between, nothing is claimed.
 */
export function agesBefore(entries: readonly OperationEntry[]): readonly Aged[] {
  const newest = new Map<string, number>()
  return [...entries]
    .sort((a, b) => a.operation.localeCompare(b.operation))
    .flatMap((entry): readonly Aged[] => {
      if (turning.includes(entry.verb)) newest.delete(entry.stack)
      const { verb, outcome, point, took_ms } = entry
      if (verb !== 'replicate' || outcome !== 'done' || point === undefined || took_ms === undefined) return []
      const taken_ms = Date.parse(pointTime(point))
      const complete_ms = Date.parse(entry.decided_at) + took_ms
      const age_ms = complete_ms - (newest.get(entry.stack) ?? taken_ms)
      newest.set(entry.stack, taken_ms)
      return [{ stack: entry.stack, at: new Date(complete_ms), age_ms }]
    })
}
