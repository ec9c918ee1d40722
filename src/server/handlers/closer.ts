import { routeServerConf } from '../../compile/route-server.ts'
import { EngineError } from '../../engine/error.ts'
import { countInside } from '../../execute/count.ts'
import { compareRescue, diff, RecordsFailed } from '../../lifeboat.ts'
import { type Assumptions, usualAssumptions } from '../../operations/assumptions.ts'
import { activeView } from '../../operations/situation.ts'
import { unified } from '../../report/difference-text.ts'
import { touchpointsOf } from '../../report/touchpoints.ts'
import type { Controller } from '../controller.ts'
import { ApiProblem, notFound, refused } from '../problem.ts'
import { fileIn } from '../request.ts'
import type { Handlers } from '../route.ts'
import { lookAt } from './state.ts'

type Names = 'differences' | 'counters' | 'touchpoints' | 'rescued' | 'siteRoutes'

/** What is looked at only when somebody asks for it: it takes a look into appliances, or into the stack file. */
export function closerHandlers(controller: Controller): Pick<Handlers, Names> {
  const { lifeboat } = controller
  return {
    differences: async ({ params, query }) => {
      await lookAt(controller, params.stack)
      const file = query.file === undefined ? undefined : fileIn(controller.stacks_dir, query.file)
      const compared = await diff(lifeboat, params.stack, file, lifeboat.clock.now())
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
    rescued: async ({ params, query }) => {
      await lookAt(controller, params.stack)
      try {
        const found = await compareRescue(lifeboat, params.stack, query.epoch, lifeboat.clock.now())
        if ('refused' in found) throw refused(found.refused)
        return found
      } catch (error) {
        if (!(error instanceof EngineError) && !(error instanceof RecordsFailed)) throw error
        const hint = `POST /api/v1/operations {"verb": "rescue", "stack": "${params.stack}", "do": "look"}`
        throw new ApiProblem('unavailable', error.message, { hint })
      }
    },
    siteRoutes: ({ params, query, reply }) => {
      const bgp = lifeboat.sites.sites.find(({ name }) => name === params.site)?.bgp
      if (bgp === undefined) throw notFound(`the site file has no bgp of a site "${params.site}"`)
      const facts = { ...bgp, password: bgp.password_file === undefined ? undefined : 'in the file' }
      return reply.type('text/plain; charset=utf-8').send(routeServerConf(params.site, facts, query.dialect))
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
