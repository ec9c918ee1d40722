import type { Alarm } from '../../api/watch.ts'

/** What a controller has looked at since its start. */
export type LookedAt = {
  readonly known: (stack: string) => boolean
  readonly inspects: (stack: string) => boolean
  readonly inspected: (stack: string) => boolean
  /** Services of the stack by its watch, or those of this site where none is named. */
  readonly services: (stack: string | undefined) => boolean
  /** The checks of the stack, or of all. */
  readonly ingress: (stack: string | undefined) => boolean
  /** Whether the task runs here, and has come to an end. */
  readonly ran: (stack: string, task: string) => boolean
}

/** Whether nobody can say yet that an alarm is over: what was open before a restart is not resolved by it. */
export function undecided(alarm: Alarm, looked: LookedAt): boolean {
  const { kind, stack } = alarm
  if (stack !== undefined && !looked.known(stack)) return false
  switch (kind) {
    case 'changed-by-hand':
    case 'certificate-expiring':
      return stack !== undefined && looked.inspects(stack) && !looked.inspected(stack)
    case 'service-silent':
      return !looked.services(stack)
    case 'ingress-silent':
      return !looked.ingress(stack)
    case 'schedule-failing':
      return stack !== undefined && !looked.ran(stack, alarm.what.split(' ')[0] ?? '')
    default:
      return false
  }
}
