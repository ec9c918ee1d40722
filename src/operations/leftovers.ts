import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { ObservedInstance } from '../state/objects.ts'
import { stackArea } from './naming.ts'
import type { SiteView, Situation } from './situation.ts'

/** What a standby has in the area of the launched stack: made for a launch that never began, or left by one that did. */
export function leftovers(
  situation: Situation,
  view: SiteView,
): { readonly lived: readonly ObservedInstance[]; readonly removal: readonly Step[] } {
  const there = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const unborn = (each: ObservedInstance) => each.power === 'stopped' && each.started_at === undefined
  const area = stackArea(situation.stack.name)
  return {
    lived: there.filter((each) => !unborn(each)),
    removal: there
      .filter(unborn)
      .map((each) =>
        step(
          'prepare',
          view.site.name,
          `remove unused ${each.object.name}`,
          { do: 'remove-instance', instance: { area, name: each.object.name } },
          'made for a launch that did not come to be; it never ran',
        ),
      ),
  }
}
