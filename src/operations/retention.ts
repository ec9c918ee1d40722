import type { Keep } from '../stack/stack.ts'
import type { Point } from '../state/objects.ts'

/**
 * Names of the points that stay: the last ones, and the newest of each of the last hours and days that have one (UTC). Which
 * is newer is told by the order in which they came to be, not by clocks: two controllers may have two.
 */
export function kept(newestFirst: readonly Pick<Point, 'name' | 'taken_at'>[], keep: Keep): ReadonlySet<string> {
  const names = new Set(newestFirst.slice(0, Math.max(keep.last, 1)).map((point) => point.name))
  const classes = [
    [13, keep.hourly],
    [10, keep.daily],
  ] as const
  for (const [digits, count] of classes) {
    const seen = new Set<string>()
    for (const point of newestFirst) {
      const slot = point.taken_at.slice(0, digits)
      if (seen.has(slot) || seen.size >= count) continue
      seen.add(slot)
      names.add(point.name)
    }
  }
  return names
}
