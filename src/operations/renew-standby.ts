import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { statefulOf } from './launch.ts'
import { keepOf, prepare } from './replicate.ts'
import { kept } from './retention.ts'
import { epochOf, type SiteView, type Situation, viewOf } from './situation.ts'

/**
 * After a deploy the standby gets what a launch of the new definition needs, and then the definition: what is prepared
 * there and what its claim says change together. All may fail; the next cycle makes up for it. Where the stateful machines
 * changed nothing is done, as the points at the standby are of the former ones: their definition stays beside them.
 */
export function renewStandby(situation: Situation, active: SiteView): readonly Step[] {
  const own = active.answer?.observed.claim?.claim
  const standby = own?.peer === undefined ? undefined : viewOf(situation, own.peer)
  const claim = standby?.answer?.observed.claim?.claim
  if (standby === undefined || claim?.role !== 'standby' || claim.epoch !== epochOf(active)) return []
  if (!standby.answer?.observed.areas.some((each) => each.area.kind === 'replica')) return []
  const machines = statefulOf(standby).map(({ name }) => name)
  if (claim.points.some((point) => [...point.machines].sort().join() !== [...machines].sort().join())) return []
  // Fewer points to keep make room, which is the first thing of a cycle.
  if (kept(claim.points, keepOf(situation)).size < claim.points.length) return []
  const same =
    claim.definition?.digest === situation.definition.digest &&
    JSON.stringify(claim.definition.secrets) === JSON.stringify(situation.definition.secrets)
  const wanted = prepare(situation, active, standby)
  if (same && wanted.length === 0) return []
  const site = standby.site.name
  const there = (id: string) => `${id} at ${site}`
  const known = new Set(wanted.map((each) => each.id))
  const told = there('definition')
  const prepared = wanted.map((each): Step => {
    const waits = each.after.filter((id) => known.has(id)).map(there)
    const after = each.phase === 'clean' ? [told] : [...waits, 'definition']
    return { ...each, id: there(each.id), after, optional: true }
  })
  const { stack, definition } = { stack: situation.stack.name, definition: situation.definition }
  return [
    ...prepared,
    step(
      'prepare',
      site,
      told,
      { do: 'definition', stack, definition, as: 'standby' },
      'it would launch what runs now',
      {
        after: ['definition', ...prepared.filter((each) => each.phase !== 'clean').map((each) => each.id)],
        optional: true,
      },
    ),
  ]
}
