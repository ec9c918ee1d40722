import { Command } from 'commander'
import { fold } from '../execute/journal.ts'
import { eventsOf, resume } from '../lifeboat.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { close, showRan } from './run.ts'

export function resumeCommand(): Command {
  return new Command('resume')
    .description('go on with an operation whose controller died, or that is stuck')
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
        const ran = await resume(lifeboat, operation, show.watch)
        show.end()
        showRan(ran, options.json === true)
      } finally {
        await close(lifeboat)
      }
    })
}
