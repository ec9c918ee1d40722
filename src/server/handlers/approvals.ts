import type { Controller } from '../controller.ts'
import type { Handlers } from '../route.ts'

export function approvalHandlers(controller: Controller): Pick<Handlers, 'approvals' | 'approve' | 'withdraw'> {
  const { approvals, audit } = controller
  return {
    approvals: ({ me }) => approvals.list(me.user),
    approve: async ({ params, me, who, request }) => {
      const { request: asked, by } = approvals.take(params.id, me.user)
      audit.add({ who, origin: request.ip, what: 'operation.approve', about: params.id, details: { asked_by: by } })
      return controller.begin(asked, `${by} and ${who}`, request.ip)
    },
    withdraw: ({ params, who, request }) => {
      approvals.withdraw(params.id)
      audit.add({ who, origin: request.ip, what: 'operation.withdraw', about: params.id, details: {} })
    },
  }
}
