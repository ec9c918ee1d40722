import { Command } from 'commander'
import { fold } from '../execute/journal.ts'
import { eventsOf, unwindOperation } from '../lifeboat.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { close, showRan, showRefusal } from './run.ts'

export function abortCommand(): Command {
  return new Command('abort')
    .description('take back what an unfinished operation did, before its point of no return')
    .argument('<operation>', 'id of the operation')
    .option('--json', 'the report as JSON')
    .action(async (operation: string, options: { json?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const state = lifeboat.store.list().includes(operation) ? fold(eventsOf(lifeboat, operation)) : undefined
        if (state?.plan === undefined || (state.ended !== undefined && state.ended.outcome !== 'stuck')) {
          console.error(
            `lifeboat: ${state?.plan === undefined ? `there is no operation "${operation}"` : `${operation} has ended: ${state.ended?.outcome}`}`,
          )
          process.exitCode = exit.problems
          return
        }
        const show = progress(state.plan, options.json === true)
        const ran = await unwindOperation(lifeboat, operation, show.watch)
        show.end()
        if ('refused' in ran) showRefusal(ran.refused, options.json === true)
        else {
          showRan(ran, options.json === true)
          // Undone is what was asked for.
          if (ran.outcome === 'undone') process.exitCode = exit.done
        }
      } finally {
        await close(lifeboat)
      }
    })
}
