import type { z } from 'zod'
import type { ProofEntry, StackDetail, StackFileView } from '../../api/stacks.ts'
import { ingressWords } from '../../compile/announced.ts'
import { points } from '../../lifeboat.ts'
import type { Situation } from '../../operations/situation.ts'
import type { Controller } from '../controller.ts'
import { offersOf } from '../offers.ts'
import { pictureOf } from '../picture.ts'
import { notFound } from '../problem.ts'
import type { Handlers } from '../route.ts'

type Names = 'overview' | 'stacks' | 'stack' | 'picture' | 'outside' | 'points' | 'proofs' | 'file' | 'sites'

/** What there is, as it was seen last; one stack is looked at anew. */
export function stateHandlers(controller: Controller): Pick<Handlers, Names> {
  const look = (stack: string) => lookAt(controller, stack)
  return {
    overview: () => ({
      at: controller.lifeboat.clock.now().toISOString(),
      site: controller.site,
      sites: controller.sites(),
      stacks: controller.summaries(),
      alarms: controller.alarms.open(),
    }),
    stacks: () => controller.summaries(),
    sites: () => controller.sites(),
    picture: async ({ params }) => pictureOf(await look(params.stack), controller.ingress.of(params.stack)),
    stack: async ({ params, me }): Promise<StackDetail> => {
      const situation = await look(params.stack)
      const summary = controller.summary(params.stack)
      const seen = controller.lookout.seen.get(params.stack)
      if (summary === undefined || seen === undefined) throw notFound(`there is no stack "${params.stack}"`)
      const { stack, definition } = situation
      return {
        ...summary,
        places: seen.status.sites.map((site) => ({
          ...site,
          instances: [...site.instances],
          rescues: site.rescues.map((each) => ({ ...each, machines: [...each.machines] })),
          not_ready: [...site.not_ready],
        })),
        home:
          stack.protect === undefined
            ? undefined
            : situation.sites.find((view) => view.site.name !== stack.protect?.standby)?.site.name,
        definition: { file: definition.file, digest: definition.digest },
        ingress: stack.ingress.map((entry) => `${entry.name} to ${entry.to} by ${ingressWords(entry)}`),
        checks: stack.checks.map((check) => check.words),
        services: stack.services.map(({ name, drill }) => ({
          name,
          drill: typeof drill === 'string' ? drill : `stub ${drill.stub}`,
        })),
        protect:
          stack.protect === undefined
            ? undefined
            : {
                standby: stack.protect.standby,
                rpo_ms: stack.protect.rpo_s * 1000,
                keep: keepWords(stack.protect.keep),
                consistency: stack.protect.consistency,
              },
        next: controller.schedules.next(params.stack),
        verbs: [...offersOf(seen, me.role, summary.operation?.verb)],
        findings: [],
      }
    },
    points: async ({ params, query }) => {
      const found = await points(controller.lifeboat, params.stack, query)
      if (found.length === 0 && !controller.lookout.seen.has(params.stack))
        throw notFound(`no site that answers knows a stack "${params.stack}"`)
      return found.map(({ list, ...rest }) => ({ ...rest, points: list }))
    },
    outside: ({ params }) => {
      if (!controller.lookout.seen.has(params.stack)) throw notFound(`there is no stack "${params.stack}"`)
      return {
        asks: controller.ingress.of(params.stack),
        services: controller.services.of(params.stack),
      }
    },
    proofs: async ({ params }) => proofsOf(controller, await look(params.stack)),
    file: async ({ params }) => fileOf(await look(params.stack), controller),
  }
}

/** One stack, looked at now. */
export async function lookAt(controller: Controller, stack: string): Promise<Situation> {
  const situation = await controller.lookout.look(stack)
  if (situation !== undefined) return situation
  throw notFound(`no site that answers knows a stack "${stack}"`)
}

const keepWords = (keep: { readonly last: number; readonly hourly: number; readonly daily: number }): string =>
  `last ${keep.last}, hourly ${keep.hourly}, daily ${keep.daily}`

/** Each is read from its journal. */
const most_proofs = 100

function proofsOf(controller: Controller, situation: Situation): readonly z.infer<typeof ProofEntry>[] {
  const ran = controller.history
    .list({ stack: situation.stack.name, limit: 1000, cycles: false })
    .filter((entry) => entry.verb === 'drill')
    .slice(0, most_proofs)
    .flatMap((entry): z.infer<typeof ProofEntry>[] => {
      const report = controller.history.report(entry.operation)
      if (report?.drill === undefined) return []
      const { drill, site, verdict } = report.drill
      const { operation, point } = entry
      return [
        { operation, drill, site, verdict, at: report.ended_at ?? report.decided_at, point, words: report.summary },
      ]
    })
  const held = situation.sites.flatMap((view): z.infer<typeof ProofEntry>[] => {
    const proof = view.answer?.observed.claim?.claim.proof
    if (proof === undefined || ran.some((each) => each.drill === proof.drill)) return []
    const words = `${proof.checks} checks, ${proof.matrix.pass} flows passed, ${proof.matrix.stopped} stopped, ${proof.matrix.no_evidence} without evidence`
    return [
      {
        drill: proof.drill,
        site: view.site.name,
        verdict: proof.verdict,
        at: proof.ended_at,
        point: proof.point,
        words,
      },
    ]
  })
  return [...ran, ...held].sort((a, b) => b.at.localeCompare(a.at))
}

function fileOf(situation: Situation, controller: Controller): z.infer<typeof StackFileView> {
  const { definition } = situation
  const status = controller.lookout.seen.get(situation.stack.name)?.status
  return {
    file: definition.file,
    digest: definition.digest,
    text: definition.text,
    held: situation.sites.flatMap((view) => {
      const digest = view.answer?.observed.claim?.claim.definition?.digest
      return view.answer === undefined ? [] : [{ site: view.site.name, digest, same: digest === definition.digest }]
    }),
    differs: (status?.sites ?? []).flatMap((site) =>
      site.instances.filter((each) => each.in_sync === false).map((each) => `${site.site}/${each.name}`),
    ),
  }
}
