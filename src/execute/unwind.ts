import { ordered } from '../plan/order.ts'
import type { Action, Plan } from '../plan/plan.ts'
import { failureOf } from './failure.ts'
import type { JournalEvent, JournalState } from './journal.ts'
import { perform } from './perform.ts'
import type { World } from './world.ts'

/**
 * Takes back every step that has or may have taken effect, last first. It cannot be cancelled, and goes on where one undo
 * fails: what could not be taken back is journaled by name and place. True when nothing was left.
 */
export async function unwind(
  plan: Plan,
  world: World,
  state: JournalState,
  log: (event: JournalEvent) => Promise<void>,
): Promise<boolean> {
  let clean = true
  for (const step of [...ordered(plan.steps)].reverse()) {
    const touched = state.done.has(step.id) || state.open.has(step.id) || state.failed.has(step.id)
    if (!touched || state.undone.has(step.id) || step.undo.length === 0) continue
    try {
      for (const action of step.undo) {
        await perform(action, {
          world,
          site: step.site,
          signal: never,
          found: (id) => state.done.get(id) ?? {},
          again: true,
          progress: () => {},
        })
      }
      await log({ type: 'undone', at: world.clock.now().toISOString(), step: step.id })
    } catch (error) {
      const failure = failureOf(error)
      if (failure.code === 'not-found') {
        await log({ type: 'undone', at: world.clock.now().toISOString(), step: step.id })
        continue
      }
      clean = false
      const left = `${step.undo.map(describe).join(', ')} at ${step.site}`
      await log({ type: 'undo-failed', at: world.clock.now().toISOString(), step: step.id, left, failure })
    }
  }
  return clean
}

const never = new AbortController().signal

function describe(action: Action): string {
  switch (action.do) {
    case 'remove-instance':
      return `remove instance ${action.instance.area.kind}/${action.instance.name}`
    case 'remove-network':
      return `remove network ${action.network.segment}`
    case 'remove-area':
      return `remove area ${action.area.kind}`
    case 'remove-snapshot':
      return `remove snapshot ${action.snapshot} of ${action.instance.name}`
    case 'power':
      return `${action.verb} ${action.instance.name}`
    case 'cut-legs':
      return `${action.cut ? 'cut' : 'restore'} the legs of ${action.instance.name}`
    case 'announcing':
      return `${action.announce ? 'announce' : 'withdraw'} ${action.prefixes.join(' ')}`
    case 'rename':
      return `call ${action.instance.name} ${action.name} again`
    case 'load-back':
      return `load the former configuration into ${action.instance.name} again`
    case 'unpause':
      return `resume and thaw ${action.instances.map((each) => each.name).join(' ')}`
    case 'remove-point':
      return `take point ${action.name} out of the claim`
    case 'restore-claim':
      return `make it ${action.before.role} again under epoch ${action.before.epoch}`
    case 'dns-remove':
      return `remove the record of ${action.name}`
    default:
      return action.do
  }
}
