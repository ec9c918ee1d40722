import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { stackArea } from './naming.ts'
import type { SiteView } from './situation.ts'

/** Resumes the machines of a stack that a controller which died left paused: whoever sees them next does. */
export function resumePaused(view: SiteView, stack: string): readonly Step[] {
  const area = stackArea(stack)
  const live = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  return live
    .filter((each) => each.power === 'paused')
    .map((each) =>
      step(
        'prepare',
        view.site.name,
        `resume ${each.object.name}`,
        { do: 'power', instance: { area, name: each.object.name }, verb: 'resume', within_s: 10 },
        'it was left paused',
      ),
    )
}
