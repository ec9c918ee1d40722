import { Command } from 'commander'
import { plan, type Ran, seenStacks } from '../lifeboat.ts'
import type { Finding } from '../plan/plan.ts'
import { findingText } from '../report/text.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { close, runAttended, showNoStack, showRan, showRefusal } from './run.ts'

type Guarded = {
  readonly stack: string
  readonly summary: string
  readonly findings: readonly Finding[]
  readonly report: Ran['report'] | undefined
}

export function guardCommand(): Command {
  return new Command('guard')
    .description('take a stack away from where it must not run; start nothing')
    .argument('[stack]', 'name of a stack (default: all)')
    .option('--json', 'as JSON')
    .action(async (stack: string | undefined, options: { json?: boolean }, command: Command) => {
      const quiet = options.json === true
      const lifeboat = openLifeboat(command)
      try {
        const { names, silent } = stack === undefined ? await seenStacks(lifeboat) : { names: [stack], silent: [] }
        const guarded: (Guarded | { readonly stack: string; readonly refused: readonly Finding[] })[] = []
        let worst: number = exit.done
        if (names.length === 0) worst = showNoStack(silent, quiet)
        for (const name of names) {
          const planned = await plan(lifeboat, { verb: 'guard', stack: name }, lifeboat.clock.now())
          if ('refused' in planned) {
            showRefusal(planned.refused, quiet && stack !== undefined)
            worst = Math.max(worst, Number(process.exitCode ?? 0))
            if (stack !== undefined) return
            guarded.push({ stack: name, ...planned })
            continue
          }
          const { summary, findings, steps } = planned.plan
          if (!quiet) {
            console.log(`guard ${name}: ${summary}`)
            for (const finding of findings) console.log(`  ${findingText(finding)}`)
          }
          if (steps.length === 0) {
            guarded.push({ stack: name, summary, findings, report: undefined })
            continue
          }
          const ran = await runAttended(lifeboat, planned.plan, quiet)
          if (!quiet) showRan(ran, false)
          worst = Math.max(worst, ran.outcome === 'done' ? exit.done : exit.person)
          guarded.push({ stack: name, summary, findings, report: ran.report })
        }
        if (quiet) console.log(JSON.stringify(stack === undefined ? guarded : guarded[0], undefined, 2))
        process.exitCode = worst
      } finally {
        await close(lifeboat)
      }
    })
}
