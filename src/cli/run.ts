import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Lifeboat, plan, type Ran, type Request, run } from '../lifeboat.ts'
import type { Finding, Plan } from '../plan/plan.ts'
import { estimateBlock, findingText, lookedBlock, reportText } from '../report/text.ts'
import { StackLocked } from '../store/lock.ts'
import { attend, both } from './attend.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { progress } from './progress.ts'
import { decidedAt } from './sites.ts'

/** Plans, executes and reports one verb; the exit code says how it ended. */
export async function runVerb(
  command: Command,
  request: Request,
  options: {
    readonly json?: boolean
    readonly after?: (lifeboat: Lifeboat, ran: Ran) => Promise<Ran>
    /** A terminal that is gone ends it, as a signal does. */
    readonly ends_at_hangup?: boolean
  },
): Promise<void> {
  const lifeboat = openLifeboat(command)
  try {
    const ended = await betweenCycles(options.json === true, () =>
      planAndRun(lifeboat, request, decidedAt(), options.json === true, options.ends_at_hangup),
    )
    if (ended === undefined) return
    const { planned, ran } = ended
    const after = options.after ?? ((_lifeboat: Lifeboat, same: Ran) => Promise.resolve(same))
    // What comes after the operation cannot unmake it: its report is shown whatever happens here.
    const whole = await after(lifeboat, ran).catch((error: unknown) => {
      console.error(
        `lifeboat: ${planned.verb} has ended; what follows it failed: ${error instanceof Error ? error.message : String(error)}`,
      )
      return ran
    })
    showRan(whole, options.json === true)
  } finally {
    await close(lifeboat)
  }
}

/** Undefined where it was refused, which has been shown. */
export async function planAndRun(
  lifeboat: Lifeboat,
  request: Request,
  decided: Date,
  quiet: boolean,
  ends_at_hangup = false,
): Promise<{ readonly planned: Plan; readonly ran: Ran } | undefined> {
  const planned = await plan(lifeboat, request, decided)
  if ('refused' in planned) {
    showRefusal(planned.refused, quiet)
    return undefined
  }
  if (!quiet) {
    console.log(`${planned.plan.verb} ${planned.plan.stack}: ${planned.plan.summary}`)
    for (const line of [...lookedBlock(planned.plan), ...estimateBlock(planned.plan)]) console.log(line)
    for (const finding of planned.plan.findings) console.log(`  ${findingText(finding)}`)
  }
  return { planned: planned.plan, ran: await runAttended(lifeboat, planned.plan, quiet, ends_at_hangup) }
}

/** Runs a plan, shows its steps, and lets a person end it. */
export async function runAttended(
  lifeboat: Lifeboat,
  plan: Plan,
  quiet: boolean,
  ends_at_hangup = false,
): Promise<Ran> {
  const show = progress(plan, quiet)
  const attention = attend(plan, { ends_at_hangup })
  try {
    return await run(lifeboat, plan, both(attention.watch, show.watch), attention.stop)
  } finally {
    attention.release()
    show.end()
  }
}

/**
 * A cycle takes a moment and leaves the rest of its time to others: it is waited for, and then everything is planned anew
 * from what it has left. Whatever else works on the stack is for a person to judge.
 */
export async function betweenCycles<T>(quiet: boolean, work: () => Promise<T>): Promise<T> {
  const until = Date.now() + cycle_within_ms
  for (let told = quiet; ; told = true) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StackLocked) || error.holder.what !== 'replicate' || Date.now() > until) throw error
      if (!told) console.log(`  waiting for the replication cycle of process ${error.holder.pid}`)
      await sleep(100)
    }
  }
}

const cycle_within_ms = 60_000

export function showRan(ran: Ran, json: boolean): void {
  console.log(json ? JSON.stringify(ran.report, undefined, 2) : `\n${reportText(ran.report)}`)
  process.exitCode = ran.outcome === 'done' ? exit.done : ran.outcome === 'undone' ? exit.failed : exit.person
}

export function showRefusal(findings: readonly Finding[], json: boolean): void {
  if (json) console.log(JSON.stringify({ refused: findings }, undefined, 2))
  else
    for (const finding of findings)
      console.error(`${finding.level === 'error' ? 'refused: ' : '  '}${findingText(finding)}`)
  process.exitCode = findings.some((finding) => finding.needs === 'person') ? exit.person : exit.problems
}

/** Nothing was seen: that is good where every site answered, and says nothing where one did not. Answers with the exit code. */
export function showNoStack(silent: readonly string[], json: boolean): number {
  if (silent.length === 0) {
    if (!json) console.log('no stack at any site')
    return exit.done
  }
  console.error('lifeboat: no stack at any site that answers, and nothing is known of the others')
  for (const each of silent) console.error(`      ${each}`)
  process.exitCode = exit.problems
  return exit.problems
}

export async function close(lifeboat: Lifeboat): Promise<void> {
  await Promise.all([...lifeboat.engines.values()].map((engine) => engine.close()))
}
