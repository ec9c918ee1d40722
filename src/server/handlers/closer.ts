import { countInside } from '../../execute/count.ts'
import { diff } from '../../lifeboat.ts'
import { type Assumptions, usualAssumptions } from '../../operations/assumptions.ts'
import { activeView } from '../../operations/situation.ts'
import { unified } from '../../report/difference-text.ts'
import { touchpointsOf } from '../../report/touchpoints.ts'
import type { Controller } from '../controller.ts'
import { refused } from '../problem.ts'
import type { Handlers } from '../route.ts'
import { lookAt } from './state.ts'

type Names = 'differences' | 'counters' | 'touchpoints'

/** What is looked at only when somebody asks for it: it takes a look into appliances, or into the stack file. */
export function closerHandlers(controller: Controller): Pick<Handlers, Names> {
  const { lifeboat } = controller
  return {
    differences: async ({ params }) => {
      await lookAt(controller, params.stack)
      const compared = await diff(lifeboat, params.stack, undefined, lifeboat.clock.now())
      if ('refused' in compared) throw refused(compared.refused)
      const { stack, unseen } = compared
      const differences = compared.differences.map((each) => {
        const { site, object, place, what, by } = each
        return { site, object, place, what, by, lines: unified(each) }
      })
      return { stack, differences, unseen }
    },
    counters: async ({ params }) => {
      const situation = await lookAt(controller, params.stack)
      const site = activeView(situation)?.site.name
      const engine = site === undefined ? undefined : lifeboat.engines.get(site)
      return {
        stack: situation.stack.name,
        site,
        at: situation.now.toISOString(),
        appliances: engine === undefined ? [] : await countInside(engine, situation),
      }
    },
    touchpoints: async ({ params, query }) => {
      const { stack } = await lookAt(controller, params.stack)
      return touchpointsOf(stack, assumed(query))
    },
  }
}

/** What was said of the gear; the rest is as usual. */
function assumed(said: { readonly [Name in keyof Assumptions]?: Assumptions[Name] | undefined }): Assumptions {
  const given = Object.entries(said).filter(([, value]) => value !== undefined)
  return { ...usualAssumptions, ...Object.fromEntries(given) }
}
