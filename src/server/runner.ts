import type { OperationEntry, OperationReport, Started } from '../api/operations.ts'
import type { Watcher } from '../execute/execute.ts'
import { fold, type JournalEvent } from '../execute/journal.ts'
import { type Lifeboat, plan, type Ran, type Request, resume, run, unwindOperation } from '../lifeboat.ts'
import type { Plan, Verb } from '../plan/plan.ts'
import { eventsOf } from '../store/operation.ts'
import type { Bus } from './bus.ts'
import type { History } from './history.ts'
import { ApiProblem, notFound, refused } from './problem.ts'
import { logLine } from './views.ts'

export type Running = { readonly operation: string; readonly stack: string; readonly verb: Verb }

/** Starts operations and follows them; every start is by somebody. */
export type Runner = {
  readonly running: ReadonlyMap<string, Running>
  /** `quiet`: only its beginning and its end are told; for what runs by itself, all the time. */
  start(request: Request, by: string, quiet?: boolean): Promise<Started & { readonly ended: Promise<Ran | undefined> }>
  resume(operation: string, by: string): Promise<Started>
  abort(operation: string, by: string): Promise<Started>
  /** Resolves when nothing runs any more, or when the time is over: what runs then is resumed from its journal. */
  settle(within_ms: number): Promise<void>
}

type Follow = {
  readonly lifeboat: Lifeboat
  readonly bus: Bus
  readonly history: () => History
  /** Called when an operation has ended. */
  readonly after: (stack: string, ended: OperationEntry) => void
}

export function openRunner({ lifeboat, bus, history, after }: Follow): Runner {
  const running = new Map<string, Running & { readonly done: Promise<unknown> }>()

  /** Runs in the background; resolves as soon as the journal has the plan, so that nothing is lost from then on. */
  function follow(
    planned: Plan,
    known: string | undefined,
    work: (watch: Watcher) => Promise<Ran>,
    quiet = false,
  ): Promise<Followed> {
    return new Promise((resolve, reject) => {
      let operation: string | undefined
      const begun = new Map<string, number>()
      const began = (id: string) => {
        operation = id
        running.set(id, { operation: id, stack: planned.stack, verb: planned.verb, done: ended })
        bus.send({ type: 'operation', operation: history().record(id, true) })
        resolve({ operation: id, ended })
      }
      const watch: Watcher = (event) => {
        const id = event.type === 'planned' ? event.operation : known
        if (operation === undefined && id !== undefined) began(id)
        if (operation === undefined) return
        if (quiet || event.type === 'progress') return
        const step = stepOf(event, planned, begun)
        if (step !== undefined) bus.send({ type: 'step', operation, step })
        const line = logLine(event)
        if (line !== undefined) bus.send({ type: 'log', operation, line })
      }
      const ended: Promise<Ran> = Promise.resolve().then(() => work(watch))
      ended
        .catch(reject)
        .finally(() => {
          if (operation === undefined) return
          const stack = running.get(operation)?.stack
          running.delete(operation)
          const entry = history().record(operation, true)
          bus.send({ type: 'operation', operation: entry })
          if (stack !== undefined) after(stack, entry)
        })
        .catch(() => {})
    })
  }

  async function begin(
    request: Request,
    by: string,
    quiet = false,
  ): Promise<Started & { readonly ended: Promise<Ran | undefined> }> {
    const as = { ...lifeboat, by }
    const planned = await plan(as, request, lifeboat.clock.now())
    if ('refused' in planned) throw refused(planned.refused)
    if (planned.plan.steps.length === 0) return { summary: planned.plan.summary, ended: Promise.resolve(undefined) }
    const followed = await follow(planned.plan, undefined, (watch) => run(as, planned.plan, watch), quiet).catch(
      asConflict,
    )
    const ended = followed.ended.then(async (ran) => {
      // The way home is several operations; each is planned from what the one before has left.
      if (request.verb === 'failback' && ran.outcome === 'done' && ran.report.verb !== 'failback') {
        const next = await begin(request, by)
        return (await next.ended) ?? ran
      }
      return ran
    })
    ended.catch(() => {})
    return { operation: followed.operation, summary: planned.plan.summary, ended }
  }

  return {
    running,
    start: begin,
    async resume(operation, by) {
      const known = planOf(operation)
      const as = { ...lifeboat, by }
      await follow(known, operation, (watch) => resume(as, operation, watch)).catch(asConflict)
      return { operation, summary: `${operation} goes on` }
    },
    async abort(operation, by) {
      const known = planOf(operation)
      const as = { ...lifeboat, by }
      await follow(known, operation, async (watch) => {
        const ran = await unwindOperation(as, operation, watch)
        if ('refused' in ran) throw refused(ran.refused)
        return ran
      }).catch(asConflict)
      return { operation, summary: `${operation} is taken back` }
    },
    async settle(within_ms) {
      const all = Promise.allSettled([...running.values()].map((each) => each.done))
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, within_ms).unref())])
    },
  }

  /** Of an operation that is open: neither running here nor at its end. */
  function planOf(operation: string): Plan {
    if (running.has(operation)) throw new ApiProblem('conflict', `${operation} is running`)
    const { plan: known, ended } = fold(eventsOf(lifeboat, operation))
    if (known === undefined) throw notFound(`there is no operation "${operation}"`)
    if (ended !== undefined && ended.outcome !== 'stuck')
      throw new ApiProblem('conflict', `${operation} has ended: ${ended.outcome}`)
    return known
  }
}

type Followed = { readonly operation: string; readonly ended: Promise<Ran> }

/** Somebody else works on the stack: that is no fault of ours. */
function asConflict(error: unknown): never {
  if (error instanceof Error && error.name === 'StackLocked') throw new ApiProblem('conflict', error.message)
  throw error
}

function stepOf(
  event: JournalEvent,
  planned: Plan,
  begun: Map<string, number>,
): OperationReport['steps'][number] | undefined {
  if (!('step' in event)) return undefined
  const step = planned.steps.find((each) => each.id === event.step)
  const states = { 'step-started': 'running', 'step-done': 'done', 'step-failed': 'failed', undone: 'undone' } as const
  const state = event.type in states ? states[event.type as keyof typeof states] : undefined
  if (state === undefined) return undefined
  const at_ms = Date.parse(event.at) - Date.parse(planned.made_at)
  if (state === 'running') begun.set(event.step, at_ms)
  const from_ms = begun.get(event.step)
  return {
    id: event.step,
    phase: step?.phase ?? '',
    site: step?.site ?? '',
    reason: step?.reason ?? '',
    state,
    from_ms,
    took_ms: state === 'running' || from_ms === undefined ? undefined : at_ms - from_ms,
  }
}
