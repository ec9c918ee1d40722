import { Command } from 'commander'
import type { Ran } from '../lifeboat.ts'
import { openLifeboat } from './open.ts'
import { betweenCycles, close, planAndRun, showRan } from './run.ts'

export function failbackCommand(): Command {
  return new Command('failback')
    .description('bring a stack home: reprotect the site that was lost, replicate to it, move')
    .argument('<stack>', 'name of a stack that runs at its standby')
    .option('--json', 'the report of the last operation as JSON')
    .action(async (stack: string, options: { json?: boolean }, command: Command) => {
      const quiet = options.json === true
      const lifeboat = openLifeboat(command)
      try {
        let ran: Ran | undefined
        // Each operation is planned from what the one before has left, and has a journal of its own.
        do {
          const request = { verb: 'failback', stack } as const
          const ended = await betweenCycles(quiet, () => planAndRun(lifeboat, request, lifeboat.clock.now(), quiet))
          if (ended === undefined) return
          ran = ended.ran
          if (!quiet || ran.outcome !== 'done' || ran.report.verb === 'failback') showRan(ran, quiet)
        } while (ran.outcome === 'done' && ran.report.verb !== 'failback')
      } finally {
        await close(lifeboat)
      }
    })
}
