import type { Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Keep } from '../stack/stack.ts'
import { keepArea, pointIn } from './naming.ts'
import { instancesIn } from './reprotect.ts'
import { kept } from './retention.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * Retention of the points that the active site still has from the time in which it was the standby: they are older than
 * those of the standby, and go as newer ones come. The one that was launched stays, as a launch may have to go on from it.
 */
export function expire(
  situation: Situation,
  active: SiteView,
  standby: SiteView,
  point: string,
  keep: Keep,
): readonly Step[] {
  const { stack } = situation
  const site = active.site.name
  const claim = active.answer?.observed.claim?.claim
  if (claim === undefined) return []
  const newer = standby.answer?.observed.claim?.claim.points ?? []
  const stay = kept([{ name: point, taken_at: situation.now.toISOString() }, ...newer, ...claim.points], keep)
  const stays = (name: string) => stay.has(name) || name === claim.launched
  const old = claim.points.map((each) => each.name).filter((name) => !stays(name))
  const forget =
    old.length === 0
      ? []
      : [
          step(
            'clean',
            site,
            `forget ${old.length} points of ${site}`,
            { do: 'forget-points', stack: stack.name, epoch: claim.epoch, names: old },
            `beyond retention: ${stack.name} has newer ones at ${standby.site.name}`,
            { after: ['complete'], optional: true },
          ),
        ]
  const listed = new Set(claim.points.map((each) => each.name).filter(stays))
  const drops = instancesIn(active, 'keep').flatMap(({ object }) => {
    const of = pointIn(object.name)
    if (of === undefined || listed.has(of)) return []
    return [
      step(
        'clean',
        site,
        `drop ${object.name} at ${site}`,
        { do: 'remove-instance', instance: { area: keepArea(stack.name), name: object.name } },
        'beyond retention',
        { after: ['complete', ids(forget)], optional: true },
      ),
    ]
  })
  return [...forget, ...drops]
}
