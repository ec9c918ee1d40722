import { Command } from 'commander'
import { fold } from '../execute/journal.ts'
import { eventsOf, type Lifeboat } from '../lifeboat.ts'
import { fail } from './common.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { close } from './run.ts'

/** A command that takes up an operation which has not ended, or is stuck; anything else is told. */
export function unfinishedCommand(
  name: string,
  description: string,
  act: (lifeboat: Lifeboat, operation: string, show: ReturnType<typeof progress>, json: boolean) => Promise<void>,
): Command {
  return new Command(name)
    .description(description)
    .argument('<operation>', 'id of the operation')
    .option('--json', 'the report as JSON')
    .action(async (operation: string, options: { json?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const { plan, ended } = lifeboat.store.list().includes(operation)
          ? fold(eventsOf(lifeboat, operation))
          : { plan: undefined, ended: undefined }
        if (plan === undefined) return fail(exit.problems, `there is no operation "${operation}"`)
        if (ended !== undefined && ended.outcome !== 'stuck')
          return fail(exit.problems, `${operation} has ended: ${ended.outcome}`)
        const show = progress(plan, options.json === true)
        await act(lifeboat, operation, show, options.json === true)
      } finally {
        await close(lifeboat)
      }
    })
}
