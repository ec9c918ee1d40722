/** One cycle that ended well, in milliseconds since the epoch. */
export type Cycle = {
  readonly began_ms: number
  readonly taken_ms: number
  readonly complete_ms: number
  /** The first one sends whole machines: how long it took says nothing about the next. */
  readonly incremental: boolean
  /** Absent: not known. */
  readonly sent_bytes?: number
}

/**
 * When the next cycle has to begin so that its point is complete before the last one is older than the target. A cycle is
 * taken to last as long as the longest of the recent ones, and half as long again: a late point breaks a promise, an
 * early one costs some bytes.
 */
export function nextStart(target_ms: number, recent: readonly Cycle[]): number {
  const last = recent.at(-1)
  const took = recent.slice(-considered).flatMap((each) => (each.incremental ? each.complete_ms - each.began_ms : []))
  if (last === undefined || took.length === 0) return 0
  const longest = Math.max(...took)
  return last.taken_ms + target_ms - 1.5 * longest - slack_ms
}

/** The same cycles as they would be where transfers get no more than so much: the least one took, and the bytes on top. */
export function atLimit(recent: readonly Cycle[], limit_bps: number | undefined): readonly Cycle[] {
  const took = recent.flatMap((each) => (each.incremental ? each.complete_ms - each.began_ms : []))
  if (limit_bps === undefined || took.length === 0) return recent
  const least_ms = Math.min(...took)
  return recent.map((each) => {
    const longest_ms = least_ms + ((each.sent_bytes ?? 0) * 8000) / limit_bps
    return { ...each, complete_ms: Math.max(each.complete_ms, each.began_ms + longest_ms) }
  })
}

/** The age that the newest complete point had reached right before each next one took its place. */
export function agesOf(cycles: readonly Pick<Cycle, 'taken_ms' | 'complete_ms'>[]): readonly number[] {
  return cycles.slice(1).map((each, index) => each.complete_ms - (cycles[index]?.taken_ms ?? each.complete_ms))
}

/** Wait after the nth failure in a row: a second, doubled each time, up to the target or a minute. */
export function backOff(failures: number, target_ms: number): number {
  return Math.min(1000 * 2 ** (failures - 1), Math.max(target_ms, 1000), 60_000)
}

const considered = 10
/** For the timer, and for the look at both sites before a cycle. */
const slack_ms = 200
