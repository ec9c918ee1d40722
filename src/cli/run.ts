import type { Command } from 'commander'
import { type Lifeboat, plan, type Ran, type Request, run } from '../lifeboat.ts'
import type { Finding } from '../plan/plan.ts'
import { findingText, reportText } from '../report/text.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { decidedAt } from './sites.ts'

/** Plans, executes and reports one verb; the exit code says how it ended. */
export async function runVerb(
  command: Command,
  request: Request,
  options: { readonly json?: boolean; readonly after?: (lifeboat: Lifeboat, ran: Ran) => Promise<Ran> },
): Promise<void> {
  const lifeboat = openLifeboat(command)
  try {
    const planned = await plan(lifeboat, request, decidedAt())
    if ('refused' in planned) {
      showRefusal(planned.refused, options.json === true)
      return
    }
    if (options.json !== true) {
      console.log(`${planned.plan.verb} ${planned.plan.stack}: ${planned.plan.summary}`)
      for (const finding of planned.plan.findings) console.log(`  ${findingText(finding)}`)
    }
    const show = progress(planned.plan, options.json === true)
    const ran = await run(lifeboat, planned.plan, show.watch)
    show.end()
    const after = options.after ?? ((_lifeboat: Lifeboat, same: Ran) => Promise.resolve(same))
    // What comes after the operation cannot unmake it: its report is shown whatever happens here.
    const whole = await after(lifeboat, ran).catch((error: unknown) => {
      console.error(
        `lifeboat: ${planned.plan.verb} has ended; what follows it failed: ${error instanceof Error ? error.message : String(error)}`,
      )
      return ran
    })
    showRan(whole, options.json === true)
  } finally {
    await close(lifeboat)
  }
}

export function showRan(ran: Ran, json: boolean): void {
  console.log(json ? JSON.stringify(ran.report, undefined, 2) : `\n${reportText(ran.report)}`)
  process.exitCode = ran.outcome === 'done' ? exit.done : ran.outcome === 'undone' ? exit.failed : exit.person
}

export function showRefusal(findings: readonly Finding[], json: boolean): void {
  if (json) console.log(JSON.stringify({ refused: findings }, undefined, 2))
  else for (const finding of findings) console.error(`refused: ${findingText(finding)}`)
  process.exitCode = findings.some((finding) => finding.needs === 'person') ? exit.person : exit.problems
}

export async function close(lifeboat: Lifeboat): Promise<void> {
  await Promise.all([...lifeboat.engines.values()].map((engine) => engine.close()))
}
