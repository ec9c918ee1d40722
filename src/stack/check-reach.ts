import type { Open } from './check-rules.ts'
import { clip } from './problems-of-schema.ts'
import { poolsOf, type Report, type View } from './view.ts'

/** Services that nobody may reach: no rule leads to them, and in their segment there is no machine but their own pool. */
export function checkReach(view: View, open: Open, report: Report): void {
  if (!view.whole) return
  const groups = new Map<string, Set<string>>()
  for (const [name, { segment, count }] of Object.entries(view.file.machines)) {
    if (count === 0) continue
    const inside = groups.get(segment) ?? new Set()
    groups.set(segment, inside.add(name))
  }
  for (const [name, { path, service }] of view.balanced) {
    if (open.any.has(name)) continue
    const pools = new Set(poolsOf(service).map(({ pool }) => pool.machine))
    const neighbours = groups.get(service.listen.segment) ?? new Set()
    if ([...neighbours].some((name) => !pools.has(name))) continue
    const what = `nobody may reach service "${clip(name)}"`
    const hint = `no rule leads to it, and segment "${clip(service.listen.segment)}" has no machine that could use it`
    report('warning', path, what, hint, 'key')
  }
}
