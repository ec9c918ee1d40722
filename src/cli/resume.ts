import type { Command } from 'commander'
import { resume } from '../lifeboat.ts'
import { showRan } from './run.ts'
import { unfinishedCommand } from './unfinished.ts'

export function resumeCommand(): Command {
  return unfinishedCommand(
    'resume',
    'go on with an operation whose controller died, or that is stuck',
    async (lifeboat, operation, show, json) => {
      const ran = await resume(lifeboat, operation, show.watch)
      show.end()
      showRan(ran, json)
    },
  )
}
