import type { Me } from '../../api/access.ts'
import { failsOver, type OperationRequest } from '../../api/operations.ts'
import { destructive, reaches, roleOfVerb } from '../../api/words.ts'
import { fold } from '../../execute/journal.ts'
import { measureLoss, plan, report } from '../../lifeboat.ts'
import { reportHtml } from '../../report/html.ts'
import { reportText } from '../../report/text.ts'
import { eventsOf } from '../../store/operation.ts'
import type { Controller } from '../controller.ts'
import { estimateOf } from '../estimate.ts'
import { ApiProblem, notFound, refused } from '../problem.ts'
import { requestOf } from '../request.ts'
import type { Handlers } from '../route.ts'
import { logLine, planView } from '../views.ts'

type Names =
  | 'operations'
  | 'operation'
  | 'operationPlan'
  | 'operationLog'
  | 'operationText'
  | 'operationHtml'
  | 'loss'
  | 'plan'
  | 'start'
  | 'resume'
  | 'abort'

export function operationHandlers(controller: Controller): Pick<Handlers, Names> {
  const { lifeboat, history, runner } = controller
  const events = (operation: string) => {
    const found = lifeboat.store.list().includes(operation) ? eventsOf(lifeboat, operation) : []
    if (!found.some((event) => event.type === 'planned')) throw notFound(`there is no operation "${operation}" here`)
    return found
  }
  const operation = (id: string) => {
    const found = history.report(id)
    if (found === undefined) throw notFound(`there is no operation "${id}" here`)
    return found
  }
  /** Taking up an operation needs what starting it does. */
  const mayTakeUp = (me: Me, operation: string) => {
    const { plan: known } = fold(events(operation))
    if (known !== undefined) mayAsk(me, known.verb)
  }
  return {
    operations: ({ query }) => history.list(query),
    operation: ({ params }) => operation(params.operation),
    operationPlan: ({ params }) => {
      const { plan: known } = fold(events(params.operation))
      if (known === undefined) throw notFound(`there is no operation "${params.operation}" here`)
      return planView(known, { from: 'the plan that was executed' })
    },
    operationLog: ({ params }) => events(params.operation).flatMap((event) => logLine(event) ?? []),
    operationText: ({ params, reply }) => {
      events(params.operation)
      return reply.type('text/plain; charset=utf-8').send(reportText(report(lifeboat, params.operation)))
    },
    // A file to keep: what is in it is not of this page, and runs nothing here.
    operationHtml: ({ params, reply }) => {
      events(params.operation)
      return reply
        .type('text/html; charset=utf-8')
        .header('content-disposition', `attachment; filename="${params.operation}.html"`)
        .send(reportHtml(report(lifeboat, params.operation)))
    },
    loss: async ({ params, body, who, request }) => {
      const { plan: known, ended } = fold(events(params.operation))
      if (known?.verb !== 'failover' || known.point === undefined || ended?.outcome !== 'done')
        throw new ApiProblem(
          'conflict',
          `${params.operation} is no failover that has ended well: there is no loss to count`,
        )
      const ran = { operation: params.operation, outcome: ended.outcome, report: report(lifeboat, params.operation) }
      const { report: measured } = await measureLoss(lifeboat, ran, body.acknowledged)
      const { loss, loss_unknown } = measured.numbers
      const details = { acknowledged: body.acknowledged.length, lost: loss?.lost ?? null, why: loss_unknown ?? null }
      controller.audit.add({ who, origin: request.ip, what: 'operation.loss', about: params.operation, details })
      return operation(params.operation)
    },
    plan: async ({ body, who }) => {
      const planned = await plan(
        { ...lifeboat, by: who },
        requestOf(controller, { ...body, ...consent(body) }),
        lifeboat.clock.now(),
      )
      if ('refused' in planned) throw refused(planned.refused)
      return planView(planned.plan, estimateOf(history, planned.plan))
    },
    start: async (call) => {
      mayAsk(call.me, failsOver(call.body) ? 'failover' : call.body.verb)
      confirmed(call.body)
      return controller.once(call.headers['idempotency-key'], call.who, call.body, () =>
        controller.ask(call.body, call.me, call.who, call.request.ip),
      )
    },
    resume: async ({ params, me, who, request }) => {
      mayTakeUp(me, params.operation)
      const started = await runner.resume(params.operation, who)
      controller.audit.add({ who, origin: request.ip, what: 'operation.resume', about: params.operation, details: {} })
      return started
    },
    abort: async ({ params, me, who, request }) => {
      mayTakeUp(me, params.operation)
      const started = await runner.abort(params.operation, who)
      controller.audit.add({ who, origin: request.ip, what: 'operation.abort', about: params.operation, details: {} })
      return started
    },
  }
}

function mayAsk(me: Me, verb: OperationRequest['verb']): void {
  const needed = roleOfVerb[verb]
  if (reaches(me.role, needed)) return
  throw new ApiProblem('forbidden', `${verb} needs the role ${needed}; ${me.user} is ${me.role}`)
}

/** The name once more, where something ends; what is only planned needs none. */
function confirmed(request: OperationRequest): void {
  if (request.verb === 'deploy') return
  const asked =
    destructive.includes(request.verb) || failsOver(request) || (request.verb === 'rescue' && request.do === 'discard')
  const given = 'confirm' in request ? request.confirm : undefined
  if (!asked || given === request.stack) return
  throw new ApiProblem('bad-request', `${request.verb} ${request.stack} needs the stack's name once more`, {
    hint: `confirm: "${request.stack}"`,
    fields: [{ path: 'confirm', what: given === undefined ? 'is missing' : 'is another name' }],
  })
}

const consent = (request: OperationRequest) => ('stack' in request ? { confirm: request.stack } : {})
