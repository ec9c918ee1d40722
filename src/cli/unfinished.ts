import { Command } from 'commander'
import type { Watcher } from '../execute/execute.ts'
import { fold } from '../execute/journal.ts'
import type { Lifeboat, Ran } from '../lifeboat.ts'
import type { Finding } from '../plan/plan.ts'
import { eventsOf } from '../store/operation.ts'
import { attend, both } from './attend.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { close, showRan, showRefusal } from './run.ts'

type Takes = (
  lifeboat: Lifeboat,
  operation: string,
  watch: Watcher,
  stop: AbortSignal,
) => Promise<Ran | { readonly refused: readonly Finding[] }>

/** A command that takes up an operation which has not ended, or is stuck; anything else is told. */
export function unfinishedCommand(
  name: string,
  description: string,
  takes: Takes,
  /** It takes back what was done: that is what was asked for, and cannot be cancelled. */
  unwinds: boolean,
): Command {
  return new Command(name)
    .description(description)
    .argument('<operation>', 'id of the operation')
    .option('--json', 'the report as JSON')
    .action(async (operation: string, options: { json?: boolean }, command: Command) => {
      const json = options.json === true
      const lifeboat = openLifeboat(command)
      try {
        const before = lifeboat.store.list().includes(operation) ? eventsOf(lifeboat, operation) : []
        const { plan, ended, unwinding } = fold(before)
        if (plan === undefined)
          return fail(
            exit.problems,
            `there is no operation "${operation}" in ${lifeboat.store.dir}`,
            'lifeboat history lists those there are; without its journal the same verb again goes on from what the sites show',
          )
        if (ended !== undefined && ended.outcome !== 'stuck')
          return fail(exit.problems, `${operation} has ended: ${ended.outcome}`, `lifeboat report ${operation}`)
        const show = progress(plan, json)
        const attention = attend(plan, { before, unwinding: unwinds || unwinding !== undefined })
        const ran = await takes(lifeboat, operation, both(attention.watch, show.watch), attention.stop).finally(() => {
          attention.release()
          show.end()
        })
        if ('refused' in ran) return showRefusal(ran.refused, json)
        showRan(ran, json)
        if (unwinds && ran.outcome === 'undone') process.exitCode = exit.done
      } finally {
        await close(lifeboat)
      }
    })
}
