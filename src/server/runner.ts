import { failsOver, type OperationEntry, type OperationReport, type Started } from '../api/operations.ts'
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
  /** Stacks that somebody waits for, until a cycle has ended or a site answers: nothing begins there by itself meanwhile. */
  readonly awaited: ReadonlySet<string>
  /** `quiet`: only its beginning and its end are told; for what runs by itself, all the time. */
  start(request: Request, by: string, quiet?: boolean): Promise<Started & { readonly ended: Promise<Ran | undefined> }>
  resume(operation: string, by: string): Promise<Started>
  /** Goes on with what an end of this controller interrupted, as soon as the sites of its plan answer. */
  takeUp(operation: string, by: string, signal: AbortSignal): Promise<void>
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

/** A cycle is over in seconds; where its link is dead it ends by its own limit. */
const cycle_within_ms = 60_000
/** After a power cut the controller may be there before its site; later it is for a person to say that it goes on. */
const sites_within_ms = 600_000

export function openRunner({ lifeboat, bus, history, after }: Follow): Runner {
  const running = new Map<string, Running & { readonly done: Promise<unknown> }>()
  const awaited = new Set<string>()

  /** Runs in the background; resolves as soon as the journal has the plan, so that nothing is lost from then on. */
  function follow(
    planned: Plan,
    known: string | undefined,
    work: (watch: Watcher) => Promise<Ran>,
    { quiet = false, goal }: { readonly quiet?: boolean; readonly goal?: Request | undefined } = {},
  ): Promise<Followed> {
    return new Promise((resolve, reject) => {
      let operation: string | undefined
      const begun = new Map<string, number>()
      const began = (id: string) => {
        operation = id
        running.set(id, { operation: id, stack: planned.stack, verb: planned.verb, done: ended })
        bus.send({ type: 'operation', operation: history().record(id, true) })
        if (goal !== undefined) history().setGoal(id, goal)
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
    const planned = await planOfRequest(as, request)
    const { stack } = planned
    const emergency = failsOver(request) || request.verb === 'guard'
    if (quiet || emergency || cyclesOf(stack).length === 0) return execute(as, request, planned, quiet)
    awaited.add(stack)
    const enough = new AbortController()
    try {
      const over = lifeboat.clock.sleep(cycle_within_ms, enough.signal).catch(() => {})
      await Promise.race([Promise.allSettled(cyclesOf(stack).map((each) => each.done)), over])
      // What was planned before the cycle ended is of a stack that has changed.
      return await execute(as, request, await planOfRequest(as, request), quiet)
    } finally {
      enough.abort()
      awaited.delete(stack)
    }
  }

  const cyclesOf = (stack: string) =>
    [...running.values()].filter((each) => each.stack === stack && each.verb === 'replicate')

  async function planOfRequest(as: Lifeboat, request: Request): Promise<Plan> {
    const planned = await plan(as, request, lifeboat.clock.now())
    if ('refused' in planned) throw refused(planned.refused)
    return planned.plan
  }

  async function execute(
    as: Lifeboat,
    request: Request,
    planned: Plan,
    quiet: boolean,
  ): Promise<Started & { readonly ended: Promise<Ran | undefined> }> {
    if (planned.steps.length === 0) return { summary: planned.summary, ended: Promise.resolve(undefined) }
    const goal = request.verb === 'failback' && planned.verb !== 'failback' ? request : undefined
    const work = (watch: Watcher) => run(as, planned, watch)
    const followed = await follow(planned, undefined, work, { quiet, goal }).catch(asConflict)
    const ended = onwards(followed, goal, as.by)
    return { operation: followed.operation, summary: planned.summary, ended }
  }

  /** The way home is several operations; each is planned from what the one before has left. */
  function onwards(part: Followed, goal: Request | undefined, by: string): Promise<Ran> {
    const ended = part.ended.then(async (ran) => {
      if (goal === undefined) return ran
      const next = ran.outcome === 'done' ? await begin(goal, by) : undefined
      history().setGoal(part.operation, undefined)
      return (await next?.ended) ?? ran
    })
    ended.catch(() => {})
    return ended
  }

  return {
    running,
    awaited,
    start: begin,
    resume: goOn,
    async takeUp(operation, by, signal) {
      const { stack, steps } = planOf(operation)
      const sites = [...new Set(steps.map((step) => step.site))]
      awaited.add(stack)
      try {
        await answering(sites, signal)
        await goOn(operation, by)
      } finally {
        awaited.delete(stack)
      }
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

  async function goOn(operation: string, by: string): Promise<Started> {
    const known = planOf(operation)
    const as = { ...lifeboat, by }
    const followed = await follow(known, operation, (watch) => resume(as, operation, watch)).catch(asConflict)
    void onwards(followed, history().goal(operation), by)
    return { operation, summary: `${operation} goes on` }
  }

  async function answering(sites: readonly string[], signal: AbortSignal): Promise<void> {
    const end = lifeboat.clock.now().getTime() + sites_within_ms
    for (;;) {
      const silent = await Promise.all(
        sites.map(async (site) => {
          const survey = lifeboat.engines.get(site)?.survey()
          return survey?.then(
            () => [],
            () => [site],
          )
        }),
      )
      const names = silent.flatMap((each) => each ?? [])
      if (names.length === 0) return
      if (lifeboat.clock.now().getTime() > end)
        throw new ApiProblem('unavailable', `${names.join(', ')} did not answer for ${sites_within_ms / 60_000} min`)
      await lifeboat.clock.sleep(1000, signal)
    }
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
