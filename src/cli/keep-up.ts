import { EngineError } from '../engine/error.ts'
import { type Lifeboat, plan, type Ran, run } from '../lifeboat.ts'
import { backOff, type Cycle, nextStart } from '../operations/pace.ts'
import { StackLocked } from '../store/lock.ts'

/** What a loop of cycles tells while it runs. */
export type Kept =
  | {
      readonly type: 'point'
      readonly at: string
      readonly point: string
      /** Age of the point before, when this one took its place; undefined for the first. */
      readonly age_ms: number | undefined
      readonly missed: boolean
      readonly took_ms: number
      readonly pause_ms: number
      readonly sent_bytes: number
      readonly incremental: boolean
      /** Steps that failed without failing the cycle. */
      readonly failed: readonly string[]
    }
  | { readonly type: 'failed'; readonly at: string; readonly what: string; readonly again_in_ms: number }

export type KeptUp = {
  readonly points: number
  readonly failures: number
  readonly missed: number
  /** The highest age that a newest complete point reached; undefined before the second point. */
  readonly worst_age_ms: number | undefined
}

/**
 * Runs cycles so that the newest complete point never grows older than the target, until `stop` is aborted: the cycle
 * that is at work then ends first. A cycle that fails is tried again, later each time; nothing ends the loop by itself,
 * as a standby that is silent today may answer tomorrow.
 */
export async function keepUp(
  lifeboat: Lifeboat,
  stack: string,
  target_ms: number,
  stop: AbortSignal,
  tell: (kept: Kept) => void,
): Promise<KeptUp> {
  const { clock } = lifeboat
  const cycles: Cycle[] = []
  const journals: string[] = []
  let [points, failures, missed, inARow] = [0, 0, 0, 0]
  let worst_age_ms: number | undefined
  let wait_ms = 0
  while (!stop.aborted) {
    await clock.sleep(Math.max(0, wait_ms), stop).catch(() => undefined)
    if (stop.aborted) break
    const began_ms = clock.now().getTime()
    const ended = await oneCycle(lifeboat, stack)
    const at = clock.now()
    if ('busy' in ended) {
      wait_ms = busy_ms
    } else if ('failed' in ended) {
      failures++
      wait_ms = backOff(++inARow, target_ms)
      tell({ type: 'failed', at: at.toISOString(), what: ended.failed, again_in_ms: wait_ms })
    } else {
      inARow = 0
      points++
      const { ran, name, taken_ms, complete_ms } = ended
      const before = cycles.at(-1)
      const age_ms = before === undefined ? undefined : complete_ms - before.taken_ms
      if (age_ms !== undefined) worst_age_ms = Math.max(worst_age_ms ?? 0, age_ms)
      if (age_ms !== undefined && age_ms > target_ms) missed++
      const { numbers, failures: failed } = ran.report
      const incremental = numbers.incremental ?? false
      cycles.push({ began_ms, taken_ms, complete_ms, incremental })
      cycles.splice(0, cycles.length - remembered)
      wait_ms = nextStart(target_ms, cycles) - at.getTime()
      tell({
        type: 'point',
        at: at.toISOString(),
        point: name,
        age_ms,
        missed: age_ms !== undefined && age_ms > target_ms,
        took_ms: at.getTime() - began_ms,
        pause_ms: numbers.pause_ms ?? 0,
        sent_bytes: numbers.sent_bytes ?? 0,
        incremental,
        failed: failed.map((each) => `${each.step}: ${each.what}`),
      })
      // What a cycle that made a point has to say is in that point. A day of them would fill the disk of the machine that keeps journals.
      journals.push(ran.operation)
      for (const old of journals.splice(0, Math.max(0, journals.length - remembered))) lifeboat.store.remove(old)
    }
  }
  return { points, failures, missed, worst_age_ms }
}

type Ended =
  | { readonly ran: Ran; readonly name: string; readonly taken_ms: number; readonly complete_ms: number }
  | { readonly failed: string }
  | { readonly busy: true }

async function oneCycle(lifeboat: Lifeboat, stack: string): Promise<Ended> {
  try {
    const planned = await plan(lifeboat, { verb: 'replicate', stack }, lifeboat.clock.now())
    if ('refused' in planned) return { failed: planned.refused.map((each) => each.what).join('; ') }
    const ran = await run(lifeboat, planned.plan, () => {})
    const complete = planned.plan.steps.find((each) => each.action.do === 'complete')
    const seen = ran.report.steps.find((each) => each.id === complete?.id)
    const taken = ran.report.steps.find((each) => each.id === 'checkpoint')
    if (ran.outcome !== 'done' || complete?.action.do !== 'complete' || seen?.from_ms === undefined) {
      const why = ran.report.failures.find((each) => !each.optional) ?? ran.report.failures[0]
      const what = why === undefined ? planned.plan.summary : `${why.step}: ${why.what}`
      return { failed: `${what}${ran.outcome === 'stuck' ? ` (lifeboat resume ${ran.operation})` : ''}` }
    }
    const decided = Date.parse(ran.report.decided_at)
    return {
      ran,
      name: complete.action.point.name,
      // From the beginning of its checkpoint: what is written while it is taken may be in it or not.
      taken_ms: decided + (taken?.from_ms ?? 0),
      complete_ms: decided + seen.from_ms + (seen.took_ms ?? 0),
    }
  } catch (error) {
    if (error instanceof StackLocked) return { busy: true }
    if (error instanceof EngineError) return { failed: error.message }
    throw error
  }
}

/** Another operation of this machine works on the stack. */
const busy_ms = 500
/** Cycles whose times are looked at, and whose journals are kept. */
const remembered = 20
