import type { Controller } from '../controller.ts'
import type { Handlers } from '../route.ts'
import { approvalHandlers } from './approvals.ts'
import { closerHandlers } from './closer.ts'
import { operationHandlers } from './operations.ts'
import { stateHandlers } from './state.ts'
import { watchHandlers } from './watch.ts'

/** What the controller answers, whoever lets callers in. */
export function allHandlers(controller: Controller): Partial<Handlers> {
  return {
    ...stateHandlers(controller),
    ...closerHandlers(controller),
    ...operationHandlers(controller),
    ...watchHandlers(controller),
    ...approvalHandlers(controller),
  }
}
