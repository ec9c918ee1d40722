import { Command } from 'commander'
import { plan, type Ran, run } from '../lifeboat.ts'
import { findingText } from '../report/text.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { close, showRan, showRefusal } from './run.ts'

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
          const planned = await plan(lifeboat, { verb: 'failback', stack }, lifeboat.clock.now())
          if ('refused' in planned) {
            showRefusal(planned.refused, quiet)
            return
          }
          if (!quiet) {
            console.log(`${planned.plan.verb} ${stack}: ${planned.plan.summary}`)
            for (const finding of planned.plan.findings) console.log(`  ${findingText(finding)}`)
          }
          const show = progress(planned.plan, quiet)
          ran = await run(lifeboat, planned.plan, show.watch)
          show.end()
          if (!quiet || ran.outcome !== 'done' || ran.report.verb === 'failback') showRan(ran, quiet)
        } while (ran.outcome === 'done' && ran.report.verb !== 'failback')
      } finally {
        await close(lifeboat)
      }
    })
}
