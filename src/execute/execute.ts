import { EngineError } from '../engine/error.ts'
import { generations } from '../plan/order.ts'
import type { Plan, Step } from '../plan/plan.ts'
import { type Failure, failureOf } from './failure.ts'
import { type Found, fold, type JournalEvent, type JournalState, type Outcome } from './journal.ts'
import { perform } from './perform.ts'
import { unwind } from './unwind.ts'
import type { World } from './world.ts'

export type Journal = {
  /** Durable when it returns. */
  append(event: JournalEvent): void | Promise<void>
  events(): readonly JournalEvent[] | Promise<readonly JournalEvent[]>
}

/** What a watcher is told while steps run; not the record, which is the journal. */
export type Watcher = (
  event: JournalEvent | { readonly type: 'progress'; readonly step: string; readonly text: string },
) => void

/**
 * Walks a plan: every step as soon as the steps before it are done. Before the point of no return a failure unwinds;
 * after it the operation is stuck and can be resumed. Called again on the same journal it goes on where that ends.
 * `stop` ends it as a failure would, as long as there is more to do than to clean up.
 */
export async function execute(
  plan: Plan,
  world: World,
  journal: Journal,
  watch: Watcher = () => {},
  stop: AbortSignal = never,
): Promise<Outcome> {
  generations(plan.steps)
  const log = async (event: JournalEvent) => {
    await journal.append(event)
    watch(event)
  }
  const before = fold(await journal.events())
  if (before.unwinding === undefined) {
    const failed = await forward(plan, world, before, log, watch, stop)
    if (failed === undefined) return end(world, log, 'done')
    const state = fold(await journal.events())
    if (pastNoReturn(plan, state)) return end(world, log, 'stuck')
    await log({ type: 'unwinding', at: now(world), because: failed })
  }
  const clean = await unwind(plan, world, fold(await journal.events()), log)
  return end(world, log, clean ? 'undone' : 'stuck')
}

/** Gives up an operation that has not passed its point of no return. */
export async function abort(
  plan: Plan,
  world: World,
  journal: Journal,
  by: string,
  watch: Watcher = () => {},
): Promise<Outcome> {
  const state = fold(await journal.events())
  if (pastNoReturn(plan, state)) throw new Error(`past its point of no return: only resume is left`)
  await journal.append({ type: 'unwinding', at: now(world), because: `aborted by ${by}` })
  return execute(plan, world, journal, watch)
}

/** An open step of no return may have taken effect: that counts as passed. */
export function pastNoReturn(plan: Plan, state: JournalState): boolean {
  if (!plan.undoable) return true
  const step = plan.steps.find((each) => each.point_of_no_return)
  if (step === undefined) return false
  const unsure = state.failed.get(step.id)
  return (
    state.done.has(step.id) || state.open.has(step.id) || unsure?.code === 'unreachable' || unsure?.code === 'timed-out'
  )
}

type Log = (event: JournalEvent) => Promise<void>

/** Runs all that is left; answers with what failed, or nothing. What is running when a step fails is awaited. */
async function forward(
  plan: Plan,
  world: World,
  before: JournalState,
  log: Log,
  watch: Watcher,
  stop: AbortSignal,
): Promise<string | undefined> {
  const found = new Map<string, Found>(before.done)
  const finished = new Set<string>(before.done.keys())
  const running = new Map<string, Promise<void>>()
  const control = new AbortController()
  const missed = new Set<string>()
  let failed: string | undefined
  /** Why what may fail is not tried any more. */
  let hurried: string | undefined
  let bug: { readonly error: unknown } | undefined

  const left = () => plan.steps.filter((step) => !finished.has(step.id) && !cleans(step))
  const stopped_by = () => {
    if (failed !== undefined || left().length === 0) return
    // What was asked for is done, and cannot be undone by an end to what comes after it.
    if (left().every((step) => step.optional)) hurried = String(stop.reason)
    else failed = String(stop.reason)
    control.abort()
  }
  if (stop.aborted) stopped_by()
  else stop.addEventListener('abort', stopped_by, { once: true })

  const run = async (step: Step): Promise<void> => {
    const lacking = step.optional ? step.after.find((id) => missed.has(id)) : undefined
    const because = lacking === undefined ? (cleans(step) ? undefined : hurried) : `"${lacking}" failed`
    if (because !== undefined) {
      await log({ type: 'step-failed', at: now(world), step: step.id, failure: skipped(because) })
      missed.add(step.id)
      finished.add(step.id)
      return
    }
    await log({ type: 'step-started', at: now(world), step: step.id })
    try {
      const performing = perform(step.action, {
        world,
        site: step.site,
        signal: hurried === undefined ? control.signal : never,
        found: (id) => found.get(id) ?? {},
        again: before.open.has(step.id) || before.failed.has(step.id),
        progress: (text) => watch({ type: 'progress', step: step.id, text }),
      })
      const result = await (looks(step) ? orStopped(performing, stop) : performing)
      found.set(step.id, result)
      finished.add(step.id)
      await log({ type: 'step-done', at: now(world), step: step.id, found: result })
    } catch (error) {
      const end = failed ?? hurried
      const failure: Failure = end !== undefined && isAbort(error) ? stopped(end) : failureOf(error)
      await log({ type: 'step-failed', at: now(world), step: step.id, failure })
      if (step.optional) {
        missed.add(step.id)
        finished.add(step.id)
      } else if (failed === undefined) {
        failed = `${step.id}: ${failure.what}`
        control.abort()
      }
    }
  }

  for (;;) {
    if (failed === undefined && bug === undefined) {
      for (const step of plan.steps) {
        if (finished.has(step.id) || running.has(step.id) || !step.after.every((id) => finished.has(id))) continue
        const promise = run(step)
          .catch((error: unknown) => {
            bug ??= { error }
            control.abort()
          })
          .finally(() => running.delete(step.id))
        running.set(step.id, promise)
      }
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }
  stop.removeEventListener('abort', stopped_by)
  if (bug !== undefined) throw bug.error
  return failed
}

const never = new AbortController().signal

const cleans = (step: Step): boolean => step.phase === 'clean' || step.phase === 'stop'

/** Steps that only wait and look: nothing has to be awaited before they are given up. */
const looks = ({ action }: Step): boolean =>
  ['ready', 'lease', 'matrix', 'bubble-check', 'offered', 'border-counters', 'untouched'].includes(action.do)

/** What looks for minutes is not waited for when a person wants an end. */
async function orStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  let listener = () => {}
  const stopping = new Promise<never>((_, reject) => {
    listener = () => reject(Object.assign(new Error('stopped'), { name: 'AbortError' }))
    if (stop.aborted) listener()
    else stop.addEventListener('abort', listener, { once: true })
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, stopping])
  } finally {
    stop.removeEventListener('abort', listener)
  }
}

const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'AbortError' || (error instanceof EngineError && isAbort(error.cause)))

function stopped(because: string): Failure {
  return {
    what: `stopped: ${because}`,
    code: 'stopped',
    site: undefined,
    call: undefined,
    detail: undefined,
  }
}

/** What may fail also stands or falls with what it builds on. */
function skipped(because: string): Failure {
  return {
    what: `not tried: ${because}`,
    code: 'skipped',
    site: undefined,
    call: undefined,
    detail: undefined,
  }
}

async function end(world: World, log: Log, outcome: Outcome): Promise<Outcome> {
  await log({ type: 'ended', at: now(world), outcome })
  return outcome
}

const now = (world: World): string => world.clock.now().toISOString()
