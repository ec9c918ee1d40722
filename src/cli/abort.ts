import type { Command } from 'commander'
import { unwindOperation } from '../lifeboat.ts'
import { exit } from './exit.ts'
import { showRan, showRefusal } from './run.ts'
import { unfinishedCommand } from './unfinished.ts'

export function abortCommand(): Command {
  return unfinishedCommand(
    'abort',
    'take back what an unfinished operation did, before its point of no return',
    async (lifeboat, operation, show, json) => {
      const ran = await unwindOperation(lifeboat, operation, show.watch)
      show.end()
      if ('refused' in ran) return showRefusal(ran.refused, json)
      showRan(ran, json)
      // Undone is what was asked for.
      if (ran.outcome === 'undone') process.exitCode = exit.done
    },
  )
}
